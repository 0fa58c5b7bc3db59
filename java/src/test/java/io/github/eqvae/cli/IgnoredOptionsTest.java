package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.serve.TinyModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Options that change nothing, or contradict the files. */
class IgnoredOptionsTest extends CliFixture {
  private void refused(String says, String... arguments) throws Exception {
    Outcome o = run(arguments);
    assertNotEquals(0, o.code(), o.out());
    assertTrue(o.err().contains(says), o.err());
  }

  @Test
  void ofConvert() throws Exception {
    String model = TinyModels.kl(folder).toString();
    String to = folder.resolve("no.safetensors").toString();
    refused(
        "--scaling-from", "convert", model, to, "--to", "compvis", "--scaling-kind", "channels");
    refused("generators", "convert", model, to, "--to", "compvis", "--heads", "4");
    refused("generators", "convert", model, to, "--to", "compvis", "--trained-as", "sit");
    refused("generators", "convert", model, to, "--to", "compvis", "--codes", "16");
    refused("autoencoders", "convert", model, to, "--to", "dit", "--padding-mode", "reflect");
    assertTrue(Files.notExists(Path.of(to)));
  }

  private void picture() throws IOException {
    byte[] pixels = new byte[32 * 32 * 3];
    new Random(5).nextBytes(pixels);
    Path in = Files.createDirectories(folder.resolve("in/cat"));
    Images.writePng(in.resolve("a.png"), new Image(32, 32, 3, pixels));
  }

  @Test
  void ofEncode() throws Exception {
    picture();
    String model = TinyModels.kl(folder).toString();
    refused("--posterior sample", "encode", model, "in", "l", "--size", "32", "--seed", "3");
    assertEquals(
        0, run("encode", model, "in", "s", "--size=32", "--posterior=sample", "--seed=3").code());
    for (String name : new String[] {"l.tar", "l.npz", "l.safetensors"}) {
      refused("a folder of shards", "encode", model, "in", name, "--size", "32");
      assertTrue(Files.notExists(folder.resolve(name)));
    }
    refused("name a folder", "reconstruct", model, "in", "r.npz", "--size", "32");
    refused("or into one file .npz", "decode", model, "s", "d.npy");
    assertEquals(0, run("decode", model, "s", "D.NPZ").code());
    assertTrue(Files.isRegularFile(folder.resolve("D.NPZ")));
  }

  /** Seen: results took the place of what they were made from. */
  @Test
  void resultsDoNotReplaceWhatIsRead() throws Exception {
    picture();
    Path model = TinyModels.kl(folder);
    byte[] before = Files.readAllBytes(model);
    String name = model.toString();
    Files.writeString(folder.resolve("config.json"), "{\"_class_name\": \"AutoencoderKL\"}");
    for (String place : new String[] {name, "config.json"}) {
      refused("no figures", "evaluate", name, "--data", "in", "--size", "32", "--json", place);
    }
    assertEquals(0, run("encode", name, "in", "n", "--size=32", "--format=npz").code());
    Path shard = folder.resolve("n/latents-00000.npz");
    byte[] latents = Files.readAllBytes(shard);
    String there = "in the place of the latents";
    refused(
        there, "decode", name, "n/latents-00000.npz", "n/../n/latents-00000.npz", "--overwrite");
    refused(there, "decode", name, "n", "n/images.npz");
    refused(there, "decode", name, "n", "n", "--overwrite");
    assertArrayEquals(latents, Files.readAllBytes(shard));
    refused("file that is read", "weights", "inception", name, name, "--overwrite", "--unchecked");
    assertArrayEquals(before, Files.readAllBytes(model));
    Files.writeString(folder.resolve("s.npz"), "samples");
    refused(
        "is one of the files that are read",
        "evaluate",
        "s.npz",
        "--write-statistics",
        "./s.npz",
        "--inception",
        name);
    refused(
        "is one of the files that are read",
        "evaluate",
        "in",
        "--reference=s.npz",
        "--write-statistics=s.npz",
        "--inception",
        name);
    assertEquals("samples", Files.readString(folder.resolve("s.npz")));
    refused("SHA-256", "weights", "inception", name, "x/y/z.safetensors");
    assertTrue(Files.notExists(folder.resolve("x")), "nothing is made of what is refused");
  }

  /** Seen: without labels, and without a word. */
  @Test
  void labelsThatAreNotThere() throws Exception {
    picture();
    String model = TinyModels.kl(folder).toString();
    Outcome o = run("encode", model, "in/cat", "l", "--size", "32");
    assertTrue(o.err().contains("no labels: the pictures lie in no folders"), o.err());
    assertTrue(o.out().contains("1 image in 1 shard in l"), o.out());
    o = run("encode", model, "in/cat", "m", "--size", "32", "--no-labels");
    assertFalse(o.err().contains("no labels"), o.err());
    o = run("encode", model, "in", "n", "--size", "32");
    assertFalse(o.err().contains("no labels"), o.err());
  }

  /** Seen: the folder of latents was a class when encode went on, and results became pictures. */
  @Test
  void resultsAmongThePictures() throws Exception {
    picture();
    String model = TinyModels.kl(folder).toString();
    String says = "whose files are read";
    refused(says, "encode", model, "in", "in/latents", "--size", "32");
    refused(says, "encode", model, "in", "x/../in/cat/latents", "--size", "32");
    refused(says, "reconstruct", model, "in", "in/out", "--size", "32");
    Files.createSymbolicLink(folder.resolve("link"), folder.resolve("in"));
    refused(says, "reconstruct", model, "link", "in/out", "--size", "32");
    assertEquals(1, Files.list(folder.resolve("in")).count());
    assertEquals(0, run("encode", model, "in", "in/.latents", "--size", "32").code());
    assertEquals(0, run("encode", model, "in", "in/.latents", "--size", "32").code());
  }

  /** Seen: latents that their index calls unscaled were divided by the factor once more. */
  @Test
  void scaledLatentsThatAreNotScaled() throws Exception {
    String model = TinyModels.kl(folder).toString();
    byte[] pixels = new byte[32 * 32 * 3];
    new Random(5).nextBytes(pixels);
    Path in = Files.createDirectories(folder.resolve("in"));
    Images.writePng(in.resolve("a.png"), new Image(32, 32, 3, pixels));
    assertEquals(0, run("encode", model, "in", "latents", "--size", "32").code());
    for (String from : new String[] {"latents", "latents/latents-00000.safetensors"}) {
      refused("not scaled", "decode", model, from, "out", "--scaled", "--scaling-factor", "0.5");
    }
    refused("add --scaled", "decode", model, "latents", "out", "--scaling-factor", "0.5");
    assertTrue(Files.notExists(folder.resolve("out")));
    refused("holds latents", "inspect", "latents", "--weights", "ema");
    refused("holds latents", "inspect", "latents", "--heads", "4");
    refused("generators", "inspect", model, "--heads", "4");
    // one shard of scaled latents: its folder's index says so
    String factor = "--scaling-factor=0.5";
    run("encode", model, "in", "s", "--size", "32", "--scaled", factor);
    assertEquals(0, run("decode", model, "s", "all", factor).code());
    assertEquals(0, run("decode", model, "s/latents-00000.safetensors", "one", factor).code());
    assertArrayEquals(
        Images.read(folder.resolve("all/a.png")).data(),
        Images.read(folder.resolve("one/a.png")).data());
  }
}
