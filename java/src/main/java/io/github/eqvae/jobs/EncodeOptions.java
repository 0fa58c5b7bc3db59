package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.SampleRandom;
import io.github.eqvae.data.Transform;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PixelRows;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.ShardFormat;

/**
 * Options for encoding a folder of latents.
 *
 * @param content what is stored for each image
 * @param seed seed of the noise for {@link Content#SAMPLE}
 * @param size side of the square that is encoded
 * @param crop how a picture becomes a square
 * @param decode how pictures are decoded
 * @param hflip whether mirrored images are also encoded
 * @param scaled whether latents are scaled for a generator before they are written
 * @param format format of the files
 * @param shardSize images of the source per file
 * @param labels whether labels are stored, if the source has some; then images without one are left
 *     out
 */
public record EncodeOptions(
    Content content,
    long seed,
    int size,
    Crop crop,
    DecodeOptions decode,
    boolean hflip,
    boolean scaled,
    ShardFormat format,
    int shardSize,
    boolean labels) {
  /** The same with labels. */
  EncodeOptions(
      Content content,
      long seed,
      int size,
      Crop crop,
      DecodeOptions decode,
      boolean hflip,
      boolean scaled,
      ShardFormat format,
      int shardSize) {
    this(content, seed, size, crop, decode, hflip, scaled, format, shardSize, true);
  }

  /** How a picture becomes a square. */
  public enum Crop {
    /** The centre crop of ADM, as DiT and SiT prepare ImageNet. */
    ADM,
    /** {@code Resize} and {@code CenterCrop} of torchvision. */
    TORCHVISION,
    /** The largest square in the middle, resized by area. */
    CENTER,
    /** The picture in the middle of a black square, like {@code data.pad} of a recipe. */
    PAD,
    /** None: pictures must already have the size. */
    NONE;

    /**
     * Whether the bits are equal to those of Pillow.
     *
     * @return true for ADM and TORCHVISION
     */
    public boolean isPillows() {
      return this == ADM || this == TORCHVISION;
    }

    /**
     * The crop as a transform.
     *
     * @param size side of the square
     * @return the transform; that of {@code NONE} changes nothing
     */
    public Transform to(int size) {
      return switch (this) {
        case ADM -> new Transform.AdmCenterCrop(size);
        case TORCHVISION -> new Transform.TorchvisionCenterCrop(size);
        case CENTER -> new Transform.CenterCrop(size);
        case PAD -> padded(size);
        case NONE -> (image, random) -> image;
      };
    }
  }

  /** Pads pictures; those larger than the square are not changed, and refused later. */
  private static Transform padded(int size) {
    return (image, random) ->
        image.width() > size || image.height() > size
            ? image
            : new Transform.Pad(size, size, 0).apply(image, random);
  }

  /** Checks the numbers. */
  public EncodeOptions {
    if (size < 1 || shardSize < 1) {
      throw new EqvaeException.Argument(
          "images of %d pixels in shards of %d: both must be at least 1"
              .formatted(size, shardSize));
    }
    if (scaled && (content == Content.CODES || content == Content.MOMENTS)) {
      throw new EqvaeException.Argument(
          "only latents can be scaled: moments are scaled after a sample is drawn, and codes are"
              + " not scaled");
    }
  }

  /** The square of a picture that is encoded. */
  Image square(PixelRows picture, String name) {
    Image out = crop.to(size).cut(picture, new SampleRandom(0, 0, 0));
    if (out.width() != size || out.height() != size) {
      throw new EqvaeException.Argument(
          "%s is %d×%d, expected %d×%d; crop it with --crop adm, torchvision or center"
              .formatted(name, out.width(), out.height(), size, size));
    }
    return out;
  }
}
