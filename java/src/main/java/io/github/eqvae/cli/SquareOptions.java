package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Crop;
import io.github.eqvae.data.Transform;
import io.github.eqvae.io.DecodeOptions;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Option;

/**
 * {@code --size}, {@code --crop}, {@code --alpha} and {@code --orientation}: how pictures become
 * the images that a model gets.
 */
class SquareOptions {
  /** The numbers of a larger one do not fit into a Java array. */
  private static final int LARGEST = (int) Math.sqrt(Integer.MAX_VALUE / 3.0);

  @Option(
      names = "--size",
      paramLabel = "N",
      description = "Side of the images. Default: what the model was trained with.")
  private Optional<Integer> size = Optional.empty();

  @Option(
      names = "--crop",
      paramLabel = "HOW",
      description =
          "How a picture becomes a square: adm (as DiT and SiT do it), torchvision (Resize and"
              + " CenterCrop, as in evaluations), center (as in training), pad (black around it),"
              + " none (it already has that size). Default: adm; reconstruct of a run: center.")
  private Optional<Crop> crop = Optional.empty();

  @Option(
      names = "--alpha",
      paramLabel = "WHAT",
      description =
          "Transparency: drop (ignored, as in PyTorch loaders), white or black (the background)."
              + " Default: drop.")
  private DecodeOptions.Alpha alpha = DecodeOptions.DEFAULT.alpha();

  @Option(
      names = "--orientation",
      paramLabel = "WHICH",
      description =
          "exif (pictures are turned upright) or stored (they are not, as in most PyTorch"
              + " loaders). Default: exif.")
  private DecodeOptions.Orientation orientation = DecodeOptions.DEFAULT.orientation();

  final Optional<Integer> size() {
    if (size.isPresent() && size.get() > LARGEST) {
      throw new EqvaeException.Argument(
          String.format(
              Locale.ROOT,
              "--size %d: at most %,d, the largest picture in memory",
              size.get(),
              LARGEST));
    }
    return size;
  }

  final Crop crop() {
    return crop(Crop.ADM);
  }

  final Crop crop(Crop otherwise) {
    return crop.orElse(otherwise);
  }

  /** How pictures are decoded before they are cropped as {@link #crop()} says. */
  final DecodeOptions decode() {
    return decode(crop());
  }

  /** How pictures are decoded before cropping: for crops with Pillow's bits, as by Pillow. */
  final DecodeOptions decode(Crop how) {
    return new DecodeOptions(DecodeOptions.DEFAULT.maxPixels(), alpha, how.depth(), orientation);
  }

  /** Cuts pictures to squares; {@code pad} and {@code none} do not reduce larger ones. */
  final Transform transform(int side, Crop otherwise) {
    return crop(otherwise).to(side);
  }

  /** The squares of a folder. */
  final Squares squares(int side, Crop otherwise) {
    return new Squares(transform(side, otherwise), side);
  }

  /** The requested side, or else the model's. */
  final int side(int model, int downsamplingFactor) {
    int side = size().orElse(model);
    if (side < 1 || side % downsamplingFactor != 0) {
      throw new EqvaeException.Argument(
          "--size "
              + side
              + ": must be positive and a multiple of "
              + downsamplingFactor
              + ", the model's downsampling factor");
    }
    return side;
  }

  /** Whether an option for the crop was given. */
  final boolean isGiven() {
    return size.isPresent() || crop.isPresent();
  }

  /** Whether an option for decoding was given. */
  final boolean isDecodingGiven() {
    return alpha != DecodeOptions.DEFAULT.alpha()
        || orientation != DecodeOptions.DEFAULT.orientation();
  }
}
