package io.github.eqvae.testing;

import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.SmallClassifier;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;

/** Files of a small classifier of gray images of 8 pixels, with random weights. */
public final class TinyClassifier {
  private TinyClassifier() {}

  /** Writes {@code classifier-SEED.safetensors}. */
  public static Path write(Path folder, long seed) throws IOException {
    Path file = folder.resolve("classifier-" + seed + ".safetensors");
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        SmallClassifier network =
            new SmallClassifier(new SmallClassifier.Config(1, 8, 8, 3), stream, seed, false)) {
      ModelFile.save(file, network.parameters(), stream, network.metadata());
    }
    return file;
  }
}
