package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;

/**
 * How pictures are decoded.
 *
 * @param maxPixels pictures of more pixels are refused before anything is allocated for them
 * @param alpha what becomes of transparency
 * @param depth what becomes of samples of 16 bits
 * @param orientation whether the EXIF orientation is applied
 */
public record DecodeOptions(long maxPixels, Alpha alpha, Depth depth, Orientation orientation) {
  /** What becomes of transparency. */
  public enum Alpha {
    /**
     * Transparency is dropped and the colour below it kept, as Pillow's {@code convert("RGB")}
     * does, and so the loaders of PyTorch projects.
     */
    DROP,
    /** The picture is laid over white. */
    WHITE,
    /** The picture is laid over black. */
    BLACK
  }

  /** What becomes of samples of 16 bits. */
  public enum Depth {
    /** The nearest of 256 levels. */
    ROUND,
    /**
     * As Pillow converts them: the upper byte, but gray without transparency is clipped at 255, so
     * that nearly all of it becomes white.
     */
    PILLOW
  }

  /** Whether pictures are turned as EXIF says. */
  public enum Orientation {
    /** They are, and come out upright. */
    EXIF,
    /** They stay as stored, as in loaders that do not ask Pillow for {@code exif_transpose}. */
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
   * Options that else are the default ones.
   *
   * @param maxPixels pictures of more pixels are refused
   * @param alpha what becomes of transparency
   */
  public DecodeOptions(long maxPixels, Alpha alpha) {
    this(maxPixels, alpha, DEFAULT.depth, DEFAULT.orientation);
  }
}
