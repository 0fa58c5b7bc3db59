package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.serve.TinyModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@code eqvae reconstruct}: what it makes of pictures, and that it never replaces one. */
class ReconstructCommandTest extends CliFixture {
  private String model = "";

  @BeforeEach
  void pictures() throws IOException {
    model = TinyModels.kl(folder).toString();
    Path in = Files.createDirectories(folder.resolve("in"));
    byte[] pixels = new byte[48 * 40 * 3];
    new Random(1).nextBytes(pixels);
    Images.writePng(in.resolve("a.png"), new Image(48, 40, 3, pixels));
  }

  private byte[] pixels(String file) throws IOException {
    return Images.read(folder.resolve(file)).data();
  }

  private void passes(String... arguments) throws Exception {
    Outcome o = run(arguments);
    assertEquals(0, o.code(), o.err());
  }

  /** A full turn goes the way of transformed latents, and changes nothing. */
  @Test
  @Tag("full")
  void checkpointsTransformToo() throws Exception {
    passes("reconstruct", model, "in", "plain");
    passes("reconstruct", model, "in", "turned", "--rotate", "360");
    assertArrayEquals(pixels("plain/a.png"), pixels("turned/a.png"));
    passes("reconstruct", model, "in", "half", "--rotate", "90", "--scale", "0.5");
    assertEquals(16, Images.read(folder.resolve("half/a.png")).width());
  }

  @Test
  @Tag("full")
  void squaresAreCutAsAsked() throws Exception {
    passes("reconstruct", model, "in", "adm");
    passes("reconstruct", model, "in", "adm2", "--crop", "adm");
    passes("reconstruct", model, "in", "center", "--crop", "center");
    assertArrayEquals(pixels("adm/a.png"), pixels("adm2/a.png"));
    assertFalse(
        java.util.Arrays.equals(pixels("adm/a.png"), pixels("center/a.png")), "--crop is ignored");
    passes("reconstruct", model, "in", "small", "--size", "16");
    assertEquals(16, Images.read(folder.resolve("small/a.png")).width());
    assertUserError(run("reconstruct", model, "in", "o", "--size", "18"), 1, "multiple of 4");
  }

  @Test
  void aPictureOfAnotherFormatIsNotBroken() throws Exception {
    Files.writeString(folder.resolve("in/b.gif"), "GIF89a, and more of it");
    Files.writeString(folder.resolve("in/c.png"), "");
    Outcome o = run("reconstruct", model, "in", "out");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("not read: b.gif: is a GIF"), o.err());
    assertTrue(o.err().contains("skipped broken image c.png"), o.err());
    assertTrue(o.out().contains(", 1 broken, 1 of formats that are not read,"), o.out());
  }

  @Test
  void onePictureGoesIntoOneFile() throws Exception {
    passes("reconstruct", model, "in/a.png", "b.png");
    assertTrue(Files.isRegularFile(folder.resolve("b.png")));
    assertUserError(run("reconstruct", model, "in/a.png", "b.png"), 1, "--overwrite");
    passes("reconstruct", model, "in/a.png", "b.png", "--overwrite");
  }

  /** OUT is a file if it ends as one, else a folder; what cannot be meant is refused. */
  @Test
  @Tag("full")
  void outIsAFileOrAFolder() throws Exception {
    passes("reconstruct", model, "in/a.png", "b.JPG");
    Image jpeg = Images.read(folder.resolve("b.JPG"));
    passes("reconstruct", model, "in/a.png", "b.png");
    Image png = Images.read(folder.resolve("b.png"));
    assertEquals(png.width(), jpeg.width());
    assertEquals(png.channels(), jpeg.channels());
    byte[] start = Files.readAllBytes(folder.resolve("b.JPG"));
    assertEquals(0xffd8, (start[0] & 255) << 8 | start[1] & 255, "a JPEG file");
    passes("reconstruct", model, "in/a.png", "sub");
    assertTrue(Files.isRegularFile(folder.resolve("sub/a.png")));
    assertUserError(run("reconstruct", model, "in", "c.png"), 1, "c.png is one file", "folder");
    assertUserError(run("reconstruct", model, "in", "b.png", "--overwrite"), 1, "is one file");
    assertUserError(run("reconstruct", model, "in/a.png", "c.webp"), 1, "written as .png or .jpg");
    Files.writeString(folder.resolve("notes"), "mine");
    assertUserError(run("reconstruct", model, "in/a.png", "notes", "--overwrite"), 1, "is a file");
    assertFalse(Files.exists(folder.resolve("c.png")));
  }

  @Test
  @Tag("full")
  void picturesOfOneNameHaveAResultEach() throws Exception {
    passes("reconstruct", model, "in/a.png", "alone.png");
    byte[] pixels = new byte[48 * 40 * 3];
    new Random(2).nextBytes(pixels);
    Images.writePng(folder.resolve("in/a.jpg"), new Image(48, 40, 3, pixels));
    Outcome o = run("reconstruct", model, "in", "out");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("2 pictures written"), o.out());
    assertArrayEquals(pixels("alone.png"), pixels("out/a.png"), "another picture of that name");
    passes("reconstruct", model, "in/a.jpg", "other.png");
    assertArrayEquals(pixels("other.png"), pixels("out/a.jpg.png"));
    passes("encode", model, "in", "latents", "--shard-size", "1");
    passes("decode", model, "latents", "decoded");
    assertArrayEquals(pixels("out/a.png"), pixels("decoded/a.png"));
    assertArrayEquals(pixels("out/a.jpg.png"), pixels("decoded/a.jpg.png"));
  }

  @Test
  void aScaleIsAboveZeroAndAtMostOne() throws Exception {
    for (String scale : List.of("2", "0", "-0.5", "NaN")) {
      assertUserError(
          run("reconstruct", model, "in", "out", "--scale", scale), 1, "--scale ", "at most 1");
    }
  }

  @Test
  @Tag("full")
  void nothingIsReplaced() throws Exception {
    passes("reconstruct", model, "in", "out");
    byte[] before = pixels("out/a.png");
    assertUserError(
        run("reconstruct", model, "in", "out", "--rotate", "90"), 1, "out/a.png", "--overwrite");
    assertArrayEquals(before, pixels("out/a.png"));
    passes("reconstruct", model, "in", "out", "--rotate", "90", "--overwrite");
    assertFalse(java.util.Arrays.equals(before, pixels("out/a.png")), "--overwrite is ignored");

    byte[] source = pixels("in/a.png");
    for (String out : new String[] {"in", "out/../in"}) {
      assertUserError(
          run("reconstruct", model, "in", out, "--overwrite"), 1, "one of the pictures to be read");
    }
    assertUserError(
        run("reconstruct", model, "in/a.png", "in/a.png", "--overwrite"), 1, "to be read");
    assertArrayEquals(source, pixels("in/a.png"));
  }

  /** Seen: {@code pad} kept larger pictures as they were, and {@code none} was always refused. */
  @Test
  void picturesOfAnotherSizeAreNotTaken() throws Exception {
    byte[] pixels = new byte[32 * 32 * 3];
    new Random(2).nextBytes(pixels);
    Path square = Files.createDirectories(folder.resolve("square")).resolve("b.png");
    Images.writePng(square, new Image(32, 32, 3, pixels));
    for (String crop : List.of("pad", "none")) {
      Outcome o = run("reconstruct", model, "in", "large", "--size", "32", "--crop", crop);
      assertEquals(1, o.code(), o.err());
      assertTrue(o.err().contains("a.png is 48×40, expected 32×32"), o.err());
      assertFalse(Files.exists(folder.resolve("large/a.png")));
    }
    passes("reconstruct", model, "square", "whole", "--size", "32", "--crop", "none");
    passes("reconstruct", model, "square", "cut", "--size", "32", "--crop", "center");
    assertArrayEquals(pixels("cut/b.png"), pixels("whole/b.png"));
  }
}
