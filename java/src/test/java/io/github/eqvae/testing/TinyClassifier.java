package io.github.eqvae.testing;

import io.github.eqvae.generator.VitClassifier;
import io.github.eqvae.model.ClassifierConfig;
import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.SmallClassifier;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;

/** Files of a small classifier of gray images of 8 pixels, with random weights. */
public final class TinyClassifier {
  private TinyClassifier() {}

  /** Writes {@code classifier-SEED.safetensors}, a convolutional one. */
  public static Path write(Path folder, long seed) throws IOException {
    return write(folder, new SmallClassifier.Config(1, 8, 8, 3), "classifier-" + seed, seed);
  }

  /** Writes {@code vit-SEED.safetensors}, a vision transformer. */
  public static Path writeVit(Path folder, long seed) throws IOException {
    return write(folder, new VitClassifier.Config(1, 8, 4, 8, 1, 2, 3), "vit-" + seed, seed);
  }

  /** Writes {@code NAME.safetensors}. */
  public static Path write(Path folder, ClassifierConfig config, String name, long seed)
      throws IOException {
    Path file = folder.resolve(name + ".safetensors");
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        ImageClassifier network = config.build(stream, seed, false)) {
      ModelFile.save(file, network.parameters(), stream, config.metadata().toMap());
    }
    return file;
  }
}
