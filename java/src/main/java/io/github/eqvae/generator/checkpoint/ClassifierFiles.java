package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.VitClassifier;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.model.ClassifierConfig;
import io.github.eqvae.model.ClassifierMetadata;
import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.SmallClassifier;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Files of classifiers of any kind: {@code model.safetensors} of runs with {@code task:
 * classifier}.
 */
public final class ClassifierFiles {
  private ClassifierFiles() {}

  /**
   * Reads a network.
   *
   * @param file the file
   * @param stream orders the work; its device holds the parameters
   * @return the network, which the caller closes
   * @throws IOException when the file cannot be read
   * @throws EqvaeException.Argument when it has no classifier of eqvae, or a broken one
   */
  public static ImageClassifier load(Path file, Stream stream) throws IOException {
    ClassifierConfig config = config(file);
    try (Device planner = Device.open("null"); // before memory is allocated
        Stream none = new Stream(planner);
        ImageClassifier planned = config.build(none, 0, false)) {
      ModelFile.requireFits(file, planned.parameters());
    }
    ImageClassifier network = config.build(stream, 0, false);
    try {
      ModelFile.load(file, network.parameters(), stream);
      return network;
    } catch (IOException | RuntimeException | Error e) {
      network.close();
      throw e;
    }
  }

  /** The network that a file says it has. */
  private static ClassifierConfig config(Path file) throws IOException {
    Map<String, String> metadata;
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      metadata = tensors.metadata();
    }
    ClassifierMetadata said = ClassifierMetadata.of(file, metadata);
    List<Integer> n = said.numbers();
    int expected =
        switch (said.kind()) {
          case ClassifierMetadata.CONVOLUTIONAL -> 4;
          case ClassifierMetadata.VIT -> 7;
          default ->
              throw new EqvaeException.Argument(
                  "%s is a classifier of the kind %s, which this version of eqvae does not know"
                      .formatted(file, said.kind()));
        };
    if (n.size() != expected) {
      throw new EqvaeException.Argument(
          "%s is broken: its metadata have %d numbers of a %s classifier, expected %d"
              .formatted(file, n.size(), said.kind(), expected));
    }
    return said.kind().equals(ClassifierMetadata.VIT)
        ? new VitClassifier.Config(
            n.get(0), n.get(1), n.get(2), n.get(3), n.get(4), n.get(5), n.get(6))
        : new SmallClassifier.Config(n.get(0), n.get(1), n.get(2), n.get(3));
  }
}
