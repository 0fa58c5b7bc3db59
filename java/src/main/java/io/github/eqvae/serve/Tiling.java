package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;

/**
 * How a large image is decoded in parts. The result is that of decoding it whole, but for rounding:
 * the middle of the decoder, with its attention, is run on the whole latent, which is small; behind
 * it every resolution is run on tiles that reach over their borders as far as a pixel's
 * neighbourhood does, and whose norms have the statistics of the whole image. These are measured
 * first, norm by norm, which takes about four times as long as decoding.
 *
 * <p>Memory is that of one tile, of the image, and of what goes into the last doubling: for SD-VAE
 * 256 channels at half the resolution.
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
