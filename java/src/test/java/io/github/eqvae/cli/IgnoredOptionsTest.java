package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.serve.TinyModels;
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
