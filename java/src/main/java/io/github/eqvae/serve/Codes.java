package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/**
 * Discrete latents: for each place the number of a code.
 *
 * @param count how many images, N
 * @param height rows, h = H / factor
 * @param width columns, w
 * @param indices {@code [N, h, w]}, from 0; not copied
 */
public record Codes(int count, int height, int width, int[] indices) {
  /**
   * Checks the sizes.
   *
   * @throws EqvaeException.Argument if the array has another length
   */
  public Codes {
    Sizes.require("grids of codes", indices.length, count, height, width, 1);
  }

  /**
   * Some of them.
   *
   * @param from first, from 0
   * @param to behind the last
   * @return a copy, or this if it is all
   */
  public Codes part(int from, int to) {
    int each = height * width;
    return new Codes(to - from, height, width, Arrays.copyOfRange(indices, from * each, to * each));
  }

  /** Sizes, not values: {@code Codes[2, 16, 16]}. */
  @Override
  public String toString() {
    return Sizes.text("Codes", count, height, width) + "]";
  }
}
