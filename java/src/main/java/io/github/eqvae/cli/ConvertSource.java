package io.github.eqvae.cli;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.autoencoder.TrainedModel;
import io.github.eqvae.train.run.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The source of a conversion. The weights of a run as last trained are only in its checkpoints:
 * they are written to a temporary file first.
 *
 * @param checkpoint the autoencoder
 * @param temporary a file to be removed
 */
record ConvertSource(AutoencoderCheckpoint checkpoint, Optional<Path> temporary)
    implements AutoCloseable {

  static ConvertSource open(Path source, Weights weights) throws IOException {
    boolean averaged = weights != Weights.MODEL;
    if (!TrainedModel.isRun(source) || averaged) {
      if (TrainedModel.isRun(source)) {
        TrainedModel.requireAverage(source, weights);
      }
      return new ConvertSource(AutoencoderCheckpoint.open(source, weights), Optional.empty());
    }
    Path file = Files.createTempFile("eqvae-", ".safetensors");
    file.toFile().deleteOnExit(); // after Ctrl-C, too
    try {
      // weights are only copied from file to file
      try (Device device = Device.open("cpu");
          Stream stream = new Stream(device);
          Autoencoder model = TrainedModel.load(source, stream, weights)) {
        Map<String, String> metadata = new LinkedHashMap<>(TrainedModel.metadata(source));
        RunFolder run = new RunFolder(source);
        run.store(TrainedModel.recipe(source))
            .latest()
            .checkpoint()
            .ifPresent(c -> metadata.put(RunFolder.STEP_KEY, Long.toString(c.step())));
        ModelFile.save(file, model.parameters(), stream, metadata);
      }
      return new ConvertSource(AutoencoderCheckpoint.open(file), Optional.of(file));
    } catch (IOException | RuntimeException | Error e) {
      Files.deleteIfExists(file);
      throw e;
    }
  }

  @Override
  public void close() throws IOException {
    checkpoint.close();
    if (temporary.isPresent()) {
      Files.deleteIfExists(temporary.get());
    }
  }
}
