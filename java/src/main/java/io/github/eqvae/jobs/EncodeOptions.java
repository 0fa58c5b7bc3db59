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
 * How a folder of latents is made.
 *
 * @param content what is kept of each image
 * @param seed of the noise of {@link Content#SAMPLE}
 * @param size side of the square that each image is made
 * @param crop how
 * @param decode how pictures are decoded before
 * @param hflip whether mirrored images are encoded, too
 * @param scaled whether latents are scaled for the generator before they are written
 * @param format of the files
 * @param shardSize images of the source per file
 * @param labels whether labels are kept where the source has some; images without are left out then
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
    /** Put in the middle of a black square: as {@code data.pad} of a recipe does. */
    PAD,
    /** Not at all: pictures must have the size. */
    NONE;

    /**
     * Whether the bits are those of a pipeline that decodes with Pillow.
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
     * @return what cuts pictures of any size; {@code NONE} passes them on
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

  /** Larger pictures than the square are left as they are, and refused for their size. */
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
          "only latents can be scaled; scale what is drawn from moments, and codes not at all");
    }
  }

  /** A picture as it is encoded. */
  Image square(PixelRows picture, String name) {
    Image out = crop.to(size).cut(picture, new SampleRandom(0, 0, 0));
    if (out.width() != size || out.height() != size) {
      throw new EqvaeException.Argument(
          "%s is %d×%d, expected %d×%d; cut it with --crop adm, torchvision or center"
              .formatted(name, out.width(), out.height(), size, size));
    }
    return out;
  }
}
