package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Crop;
import io.github.eqvae.data.PictureSquare;
import io.github.eqvae.io.DecodeOptions;
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

  /** How pictures become the squares that are encoded. */
  PictureSquare square() {
    return new PictureSquare(size, crop, decode);
  }
}
