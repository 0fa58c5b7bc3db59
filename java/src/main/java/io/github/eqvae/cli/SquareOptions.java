package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Transform;
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
          "How a picture becomes a square: adm (as DiT and SiT do it), center (as in training),"
              + " none (it is one of that size). Default: adm; reconstruct of a run: center.")
  private Optional<EncodeOptions.Crop> crop = Optional.empty();

  final Optional<Integer> size() {
    return size;
  }

  final EncodeOptions.Crop crop() {
    return crop.orElse(EncodeOptions.Crop.ADM);
  }

  /** Cuts pictures of any size to squares. */
  final Transform transform(int side, EncodeOptions.Crop otherwise) {
    return switch (crop.orElse(otherwise)) {
      case ADM -> new Transform.AdmCenterCrop(side);
      case CENTER -> new Transform.CenterCrop(side);
      case NONE ->
          throw new EqvaeException.Argument(
              "--crop none: squares of one size are needed; use adm or center");
    };
  }

  /** The side that was asked for, or else the model's. */
  final int side(int model, int downsamplingFactor) {
    int side = size.orElse(model);
    if (side < 1 || side % downsamplingFactor != 0) {
      throw new EqvaeException.Argument(
          "--size "
              + side
              + ": must be a multiple of "
              + downsamplingFactor
              + ", the model's downsampling factor");
    }
    return side;
  }

  final boolean isGiven() {
    return size.isPresent() || crop.isPresent();
  }
}
