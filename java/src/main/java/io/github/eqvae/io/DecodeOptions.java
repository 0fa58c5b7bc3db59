package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;

/**
 * How pictures are decoded.
 *
 * @param maxPixels pictures of more pixels are refused before anything is allocated for them
 * @param alpha how transparency is handled
 * @param depth how samples of 16 bits are converted
 * @param orientation whether the EXIF orientation is applied
 */
public record DecodeOptions(long maxPixels, Alpha alpha, Depth depth, Orientation orientation) {
  /** How transparency is handled. */
  public enum Alpha {
    /**
     * The alpha channel is ignored and the colours are kept, as by Pillow's {@code convert("RGB")}
     * and the loaders of PyTorch projects.
     */
    DROP,
    /** The picture is put on a white background. */
    WHITE,
    /** The picture is put on a black background. */
    BLACK
  }

  /** How samples of 16 bits are converted. */
  public enum Depth {
    /** The nearest of 256 levels. */
    ROUND,
    /**
     * As Pillow converts them: the upper byte, but gray without transparency is clipped at 255,
     * which makes such a picture almost completely white.
     */
    PILLOW
  }

  /** Whether pictures are turned as EXIF says. */
  public enum Orientation {
    /** They are turned upright. */
    EXIF,
    /** They are left as stored, as by loaders that do not call Pillow's {@code exif_transpose}. */
    STORED
  }

  /** At most 128 Mi pixels (384 MiB as RGB); without transparency, rounded, upright. */
  public static final DecodeOptions DEFAULT =
      new DecodeOptions(128L << 20, Alpha.DROP, Depth.ROUND, Orientation.EXIF);

  /**
   * Checks the options.
   *
   * @throws EqvaeException.Argument if the limit is below 1
   */
  public DecodeOptions {
    if (maxPixels < 1) {
      throw new EqvaeException.Argument("maxPixels is " + maxPixels + ", expected at least 1");
    }
  }

  /**
   * The default options with another limit.
   *
   * @param maxPixels pictures of more pixels are refused
   * @param alpha how transparency is handled
   */
  public DecodeOptions(long maxPixels, Alpha alpha) {
    this(maxPixels, alpha, DEFAULT.depth, DEFAULT.orientation);
  }
}
