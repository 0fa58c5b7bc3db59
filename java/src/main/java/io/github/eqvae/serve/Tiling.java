package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;

/**
 * Encodes or decodes a large image in tiles. The result differs from that of the whole image only
 * by rounding. The parts with attention (the end of the encoder, the middle of the decoder) have
 * small inputs and are run on the whole image. The other resolutions are run on tiles with a halo
 * as wide as the receptive field. Their norms use the statistics of the whole image, which are
 * measured first, norm by norm; this takes several times as long.
 *
 * <p>The memory is that of one tile, the image, and the whole tensor between the two largest
 * resolutions: for SD-VAE it has 128 channels at half the resolution when encoding, and 256 when
 * decoding.
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
