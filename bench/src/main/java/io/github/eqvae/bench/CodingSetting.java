package io.github.eqvae.bench;

import io.github.eqvae.bench.CodingBenchmark.Direction;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.tensor.Shape;
import java.util.List;

/**
 * The network and the image that are encoded or decoded.
 *
 * @param config the autoencoder
 * @param side of the image, in pixels
 * @param direction encoder or decoder
 */
record CodingSetting(AutoencoderConfig config, int side, Direction direction) {
  static CodingSetting of(String model, int side, Direction direction) {
    AutoencoderConfig config =
        switch (model) {
          case "sd-vae" -> AutoencoderConfig.sdVae();
          case "tiny" ->
              new AutoencoderConfig(3, 3, 8, List.of(1, 2), 1, List.of(), 16, 2, 2, 4, true, true);
          default -> throw new IllegalArgumentException(model);
        };
    return new CodingSetting(config, side, direction);
  }

  /** The input, NHWC. */
  Shape input() {
    int latent = side / config.downsamplingFactor();
    return direction == Direction.ENCODE
        ? Shape.of(1, side, side, config.inChannels())
        : Shape.of(1, latent, latent, config.embedDim());
  }

  float[] numbers() {
    return Numbers.uniform(7, input().elements());
  }
}
