package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.serve.TinyModels;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Files that cannot be written to the end, here because the shell lets none grow over 1 KB: every
 * command says which file it was, and leaves no half of it behind.
 */
class NoRoomTest extends CliFixture {
  private static final List<String> LIMIT =
      List.of("bash", "-c", "ulimit -f 1; exec \"$@\"", "bash");

  @BeforeEach
  void pictures() throws IOException {
    TinyModels.kl(folder);
    Path in = Files.createDirectories(folder.resolve("pics"));
    byte[] bytes = new byte[32 * 32 * 3];
    new Random(1).nextBytes(bytes);
    Images.writePng(in.resolve("p.png"), new Image(32, 32, 3, bytes));
    latents("z.npy", 8);
    latents("big.npy", 32);
  }

  private void latents(String name, int side) throws IOException {
    float[] values = new float[2 * side * side];
    Random random = new Random(2);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    try (OutputStream out = Files.newOutputStream(folder.resolve(name))) {
      NpyArray.floats(values, 1, 2, side, side).write(out);
    }
  }

  private Outcome limited(String... arguments) throws Exception {
    return run(LIMIT, arguments);
  }

  private static final String REASON = "File too large";

  @Test
  void theFileIsNamed() throws Exception {
    assertUserError(limited("decode", "kl.safetensors", "z.npy", "all.npz"), 1, REASON, "all.npz");
    assertFalse(Files.exists(folder.resolve("all.npz")));
  }

  @Test
  @Tag("full")
  void everyCommandNamesTheFile() throws Exception {
    Outcome encoded = limited("encode", "kl.safetensors", "pics", "latents");
    assertUserError(encoded, 1, REASON, "latents/index.json");
    assertUserError(limited("reconstruct", "kl.safetensors", "pics", "out"), 1, REASON, "p.png");
    assertUserError(limited("decode", "kl.safetensors", "big.npy", "all"), 1, REASON, "000000.png");
    for (String[] as :
        new String[][] {
          {"compvis", "vae.safetensors", "vae.safetensors"},
          {"diffusers", "vae", "diffusion_pytorch_model.safetensors"}
        }) {
      Outcome o = limited("convert", "kl.safetensors", as[1], "--to", as[0]);
      assertUserError(o, 1, REASON, as[2]);
      assertFalse(Files.exists(folder.resolve(as[1]).resolve(as[2])));
    }
    assertFalse(Files.exists(folder.resolve("out/p.png")));
    assertFalse(Files.exists(folder.resolve("all/000000.png")));
    assertFalse(Files.isRegularFile(folder.resolve("vae.safetensors")));
    assertEquals(0, run("encode", "kl.safetensors", "pics", "latents").code());
  }
}
