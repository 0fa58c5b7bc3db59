package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.model.Discriminator;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.checkpoint.CheckpointFile;
import io.github.eqvae.model.checkpoint.StoredTensor;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.autoencoder.TrainedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Writes the discriminator of a training under the names of taming's {@code NLayerDiscriminator}.
 */
final class DiscriminatorExport {
  private static final Map<String, String> FORMAT = Map.of("format", "pt");

  /** A name in the checkpoint, such as {@code loss.discriminator.main.0.weight}. */
  private static final Pattern NAME = Pattern.compile("(?:.*\\.)?disc(?:riminator)?\\.(.+)");

  private DiscriminatorExport() {}

  static void write(Path source, Path file) throws IOException {
    if (!file.toString().endsWith(".safetensors")) {
      throw new EqvaeException.Argument(
          "DST " + file + ": a discriminator is written as .safetensors; end it with that");
    }
    if (TrainedModel.isRun(source)) {
      // weights are only copied from file to file
      try (Device device = Device.open("cpu");
          Stream stream = new Stream(device);
          Discriminator discriminator = TrainedModel.discriminator(source, stream)) {
        ModelFile.save(file, discriminator.parameters(), stream, FORMAT);
      }
      return;
    }
    try (CheckpointFile checkpoint = CheckpointFile.open(source)) {
      List<SafetensorsWriter.Entry> entries = new ArrayList<>();
      for (StoredTensor tensor : checkpoint.tensors().values()) {
        Matcher m = NAME.matcher(tensor.name());
        // counters of batches do not affect results and are not floats
        if (m.matches() && !tensor.name().endsWith("num_batches_tracked")) {
          entries.add(
              new SafetensorsWriter.Entry(
                  m.group(1), tensor.floatType().name(), tensor.shape(), tensor.bytes()));
        }
      }
      if (entries.isEmpty()) {
        throw new EqvaeException.Argument(
            source + " holds no discriminator: no tensor is called loss.discriminator.*");
      }
      SafetensorsWriter.write(file, entries, FORMAT);
    }
  }
}
