package io.github.eqvae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What README shows works as shown. */
class ReadmeTest {
  @TempDir Path folder;

  @Test
  void theExampleRuns() throws IOException {
    AutoencoderConfig config =
        new AutoencoderConfig(3, 3, 8, List.of(1, 2), 1, List.of(), 64, 2, 2, 4, true, false);
    Path file = folder.resolve("model.safetensors");
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        AutoencoderKl trained = new AutoencoderKl(config, stream, 1, false)) {
      ModelFile.save(file, trained.parameters(), stream, Map.of());
    }
    float[] pixels = new float[64 * 64 * 3];
    // README
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "step");
        AutoencoderKl vae = new AutoencoderKl(config, stream, 0, false)) {
      ModelFile.load(file, vae.parameters(), stream);
      Tensor images = arena.tensor(Shape.of(1, 64, 64, 3));
      images.set(stream, pixels); // [N, H, W, C] in [-1, 1]
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor latent = vae.mode(tape, vae.encode(tape, images)); // [N, H/f, W/f, z_channels]
      Tensor turned = SpatialTransform.rotation(1).onLatent(tape, latent);
      float[] reconstruction = vae.decode(tape, turned).toFloats(stream);
      assertEquals(pixels.length, reconstruction.length);
    }
  }

  @Test
  void theExampleIsTheOneShown() throws IOException {
    Path root = Path.of(System.getProperty("eqvae.root"));
    String readme = Files.readString(root.resolve("README.md"));
    String test =
        Files.readString(root.resolve("java/src/test/java/io/github/eqvae/ReadmeTest.java"));
    String code = readme.substring(readme.indexOf("```java") + 7);
    code = code.substring(0, code.indexOf("```"));
    String body = test.substring(test.indexOf("// README"));
    for (String line : code.strip().lines().toList()) {
      assertTrue(body.contains(line.strip()), "not tested: " + line);
    }
  }
}
