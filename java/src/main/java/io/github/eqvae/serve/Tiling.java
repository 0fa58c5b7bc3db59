package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;

/**
 * How a large image is encoded or decoded in parts. The result is that of the whole image, but for
 * rounding: what has attention, the end of the encoder and the middle of the decoder, is run on all
 * of its small input; before or behind it every resolution is run on tiles that reach over their
 * borders as far as a pixel's neighbourhood does, and whose norms have the statistics of the whole
 * image. These are measured first, norm by norm, which takes several times as long.
 *
 * <p>Memory is that of one tile, of the image, and of what lies between its two largest
 * resolutions: for SD-VAE 128 channels at half the resolution when encoding, 256 when decoding.
 *
 * @param size side of a tile, in pixels of the image
 */
public record Tiling(int size) {
  private static final Tiling DEFAULTS = new Tiling(512);

  /** Checks the number. */
  public Tiling {
    if (size < 1) {
      throw new EqvaeException.Argument("tiles of %d pixels: expected at least 1".formatted(size));
    }
  }

  /**
   * Tiles of 512 pixels.
   *
   * @return the defaults
   */
  public static Tiling defaults() {
    return DEFAULTS;
  }
}
