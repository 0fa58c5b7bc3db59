package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;

/**
 * How pictures are decoded.
 *
 * @param maxPixels pictures of more pixels are refused before anything is allocated for them
 * @param alpha what becomes of transparency
 */
public record DecodeOptions(long maxPixels, Alpha alpha) {
  /** What becomes of transparency. */
  public enum Alpha {
    /** The picture is laid over white. */
    OVER_WHITE,
    /** The picture is laid over black. */
    OVER_BLACK,
    /**
     * Transparency is dropped and the colour below it kept, as Pillow's {@code convert("RGB")}
     * does.
     */
    DROP
  }

  /** At most 128 Mi pixels (384 MiB as RGB), laid over white. */
  public static final DecodeOptions DEFAULT = new DecodeOptions(128L << 20, Alpha.OVER_WHITE);

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
}
