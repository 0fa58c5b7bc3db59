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
    try (OutputStream out = Files.newOutputStream(folder.resolve("z.npy"))) {
      NpyArray.floats(new float[2 * 8 * 8], 1, 2, 8, 8).write(out);
    }
  }

  private Outcome limited(String... arguments) throws Exception {
    return run(LIMIT, arguments);
  }

  @Test
  @Tag("full")
  void theFileIsNamed() throws Exception {
    String reason = "File too large";
    assertUserError(limited("encode", "kl.safetensors", "pics", "latents"), 1, reason, "latents");
    assertUserError(limited("reconstruct", "kl.safetensors", "pics", "out"), 1, reason, "p.png");
    assertUserError(limited("decode", "kl.safetensors", "z.npy", "all.npz"), 1, reason, "all.npz");
    assertUserError(
        limited("convert", "kl.safetensors", "vae.safetensors", "--to", "compvis"),
        1,
        reason,
        "vae.safetensors");
    assertFalse(Files.exists(folder.resolve("out/p.png")));
    assertFalse(Files.exists(folder.resolve("all.npz")));
    assertFalse(Files.exists(folder.resolve("vae.safetensors")));
    assertEquals(0, run("encode", "kl.safetensors", "pics", "latents").code());
  }
}
