package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.TarFile;
import io.github.eqvae.serve.TinyModels;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code eqvae encode}: what it says, refuses, and calls the images. */
class EncodeCommandTest extends CliFixture {
  private static final byte[] GIF = "GIF89a, and more of it".getBytes(StandardCharsets.US_ASCII);

  @BeforeEach
  void model() throws IOException {
    TinyModels.kl(folder);
  }

  private byte[] picture(int seed) throws IOException {
    byte[] bytes = new byte[32 * 32 * 3];
    new Random(seed).nextBytes(bytes);
    Path file = folder.resolve("p" + seed + ".png");
    Images.writePng(file, new Image(32, 32, 3, bytes));
    return Files.readAllBytes(file);
  }

  private void archive(String name, int seed, String... members) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    byte[] picture = picture(seed);
    TarFile.write(
        file,
        sink -> {
          for (String member : members) {
            sink.add(member, member.endsWith(".gif") ? GIF : picture);
          }
        });
  }

  private List<String> names(String latents) throws IOException {
    Path shard = folder.resolve(latents).resolve("latents-00000.safetensors");
    try (SafetensorsFile file = SafetensorsFile.open(shard)) {
      JsonNode names = new ObjectMapper().readTree(file.metadata().get("names"));
      return names.valueStream().map(JsonNode::asText).toList();
    }
  }

  /** Archives number their members each from 0: a name must still stand for one picture. */
  @Test
  void equalNamesOfSeveralArchivesAreToldApart() throws Exception {
    archive("tars/a.tar", 1, "000000.png", "b.tar/000000.png", "a.png");
    archive("tars/b.tar", 2, "000000.png", "b.png");
    archive("tars/sub/b.tar", 3, "000000.png", "./000001.png");
    archive("tars/sub/c.tar", 4, "./000001.png");
    List<String> expected =
        List.of(
            "000000.png",
            "b.tar/000000.png",
            "a.png",
            "b.tar-2/000000.png",
            "b.png",
            "sub/b.tar/000000.png",
            "./000001.png",
            "sub/c.tar/000001.png");
    Outcome o = run("encode", "kl.safetensors", "tars", "latents");
    assertEquals(0, o.code(), o.err());
    assertEquals(expected, names("latents"));

    // The way back from the keys of tars, and from files of pictures.
    o = run("encode", "kl.safetensors", "tars", "keys", "--format", "tar");
    assertEquals(0, o.code(), o.err());
    for (String from : List.of("latents", "keys")) {
      o = run("decode", "kl.safetensors", from, from + "-images");
      assertEquals(0, o.code(), o.err());
      for (String name : expected) {
        assertTrue(Files.exists(folder.resolve(from + "-images").resolve(name)), name);
      }
    }
    byte[] first = Files.readAllBytes(folder.resolve("latents-images/000000.png"));
    byte[] second = Files.readAllBytes(folder.resolve("latents-images/b.tar-2/000000.png"));
    assertFalse(Arrays.equals(first, second), "two pictures");
    assertArrayEquals(second, Files.readAllBytes(folder.resolve("keys-images/b.tar-2/000000.png")));

    // One archive has the names that it has.
    o = run("encode", "kl.safetensors", "tars/b.tar", "one");
    assertEquals(0, o.code(), o.err());
    assertEquals(List.of("000000.png", "b.png"), names("one"));
  }

  /**
   * Pictures of other formats are no broken ones, in folders and archives, also at a second run.
   */
  @Test
  void whatIsNotReadIsNotCalledBroken() throws Exception {
    Path in = Files.createDirectories(folder.resolve("in"));
    byte[] picture = picture(1);
    Files.write(in.resolve("a.png"), picture);
    Files.write(in.resolve("cut.png"), Arrays.copyOf(picture, 200));
    Files.writeString(in.resolve("text.png"), "no picture");
    for (String name : List.of("x.gif", "y.gif", "z.png")) {
      Files.write(in.resolve(name), GIF);
    }
    String says = "1 image in 1 shard in latents%s, 2 broken, 3 of formats that are not read\n";
    Outcome o = run("encode", "kl.safetensors", "in", "latents");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains(says.formatted("")), o.out());
    assertTrue(o.err().contains("not read: x.gif: is a GIF"), o.err());
    assertFalse(o.err().contains("broken image x.gif"), o.err());
    assertTrue(o.err().contains("skipped broken image cut.png"), o.err());
    o = run("encode", "kl.safetensors", "in", "latents");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains(says.formatted(", 1 of them there before")), o.out());

    archive("a.tar", 2, "a.png", "b.gif", "c.gif");
    for (int i = 0; i < 2; i++) {
      o = run("encode", "kl.safetensors", "a.tar", "packed");
      assertEquals(0, o.code(), o.err());
      assertTrue(o.out().contains(", 2 of formats that are not read"), o.out());
      assertFalse(o.out().contains("broken"), o.out());
    }
  }

  @Test
  void whatWouldDoNothingIsRefused() throws Exception {
    Files.write(Files.createDirectories(folder.resolve("in")).resolve("a.png"), picture(1));
    for (String option : List.of("--features-grid=2", "--features-heads=2")) {
      assertUserError(
          run("encode", "kl.safetensors", "in", "latents", option), 1, "without --features");
    }
    for (String out : List.of("in", "./in/")) {
      assertUserError(
          run("encode", "kl.safetensors", "in", out), 1, "is the folder of the pictures");
    }
    assertEquals(1, folder.resolve("in").toFile().list().length);
  }

  /** A generator would learn from infinite numbers. */
  @Test
  void latentsThatOverflowWhenScaledAreRefused() throws Exception {
    Files.write(Files.createDirectories(folder.resolve("in")).resolve("a.png"), picture(1));
    assertUserError(
        run("encode", "kl.safetensors", "in", "latents", "--scaled", "--scaling-factor", "1e39"),
        1,
        "a.png: its latent is finite, but not after scaling",
        "scaling_factor");
    assertFalse(Files.exists(folder.resolve("latents/latents-00000.safetensors")));
  }

  /** Half of the images over white and half over black would be one folder. */
  @Test
  void anotherAlphaIsRefused() throws Exception {
    Files.write(Files.createDirectories(folder.resolve("in")).resolve("a.png"), picture(1));
    Outcome o = run("encode", "kl.safetensors", "in", "latents", "--alpha", "white");
    assertEquals(0, o.code(), o.err());
    byte[] index = Files.readAllBytes(folder.resolve("latents/index.json"));
    assertUserError(
        run("encode", "kl.safetensors", "in", "latents"),
        1,
        "alpha: there \"white\", now \"drop\"",
        "--overwrite");
    assertArrayEquals(index, Files.readAllBytes(folder.resolve("latents/index.json")));
    o = run("encode", "kl.safetensors", "in", "latents", "--alpha", "white");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("1 of them there before"), o.out());
  }
}
