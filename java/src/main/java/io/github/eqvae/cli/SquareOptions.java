package io.github.eqvae.cli;

import io.github.eqvae.latents.EncodeOptions;
import java.util.Optional;
import picocli.CommandLine.Option;

/** {@code --size} and {@code --crop}: how pictures become the images that a model gets. */
class SquareOptions {
  @Option(
      names = "--size",
      paramLabel = "N",
      description = "Side of the images. Default: what the model was trained with.")
  private Optional<Integer> size = Optional.empty();

  @Option(
      names = "--crop",
      paramLabel = "HOW",
      description =
          "How a picture becomes a square: adm (as DiT and SiT do it; default), center, none (it is"
              + " one of that size).")
  private Optional<EncodeOptions.Crop> crop = Optional.empty();

  final Optional<Integer> size() {
    return size;
  }

  final EncodeOptions.Crop crop() {
    return crop.orElse(EncodeOptions.Crop.ADM);
  }

  final boolean isGiven() {
    return size.isPresent() || crop.isPresent();
  }
}
