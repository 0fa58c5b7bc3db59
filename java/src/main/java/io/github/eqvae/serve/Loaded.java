package io.github.eqvae.serve;

import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.autoencoder.InitialWeights;
import io.github.eqvae.train.autoencoder.TrainedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A model that was read from a file.
 *
 * @param path the user's path
 * @param model the model, with weights on the device
 * @param resolution side of the training images; the config's resolution only determines the levels
 *     with attention
 * @param scaling scaling of its latents, if the file has it
 * @param note the chosen weights, if there were two sets
 * @param codebook vectors of all codes, {@code [n_embed, embed_dim]}; empty without a codebook
 */
record Loaded(
    Path path,
    Autoencoder model,
    int resolution,
    Optional<LatentScaling> scaling,
    Optional<String> note,
    float[] codebook) {
  /** Reads a run or a checkpoint. */
  static Loaded read(Path path, Device device, VaeOptions options) throws IOException {
    try (Stream stream = new Stream(device)) {
      Autoencoder model;
      Optional<LatentScaling> scaling;
      int resolution;
      Optional<String> note = Optional.empty();
      if (TrainedModel.isRun(path)) {
        model = TrainedModel.load(path, stream, options.weights());
        scaling = InitialWeights.scaling(path);
        resolution = TrainedModel.recipe(path).data().resolution();
      } else {
        try (AutoencoderCheckpoint checkpoint =
            AutoencoderCheckpoint.open(path, options.weights())) {
          model = checkpoint.load(stream);
          scaling = checkpoint.settings().scaling();
          resolution = model.config().resolution();
          note = checkpoint.weightsNote();
        }
      }
      float[] codebook =
          model instanceof VqModel vq ? vq.codebook().value().toFloats(stream) : new float[0];
      stream.sync();
      return new Loaded(path, model, resolution, scaling, note, codebook);
    }
  }
}
