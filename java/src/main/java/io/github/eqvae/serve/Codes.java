package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/**
 * Discrete latents: the index of a code for each position.
 *
 * @param count number of images, N
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
   * A part of the images.
   *
   * @param from number of the first image
   * @param to number after the last image
   * @return a copy, or this for all images
   */
  public Codes part(int from, int to) {
    int each = height * width;
    return new Codes(to - from, height, width, Arrays.copyOfRange(indices, from * each, to * each));
  }

  /** The sizes, without values: {@code Codes[2, 16, 16]}. */
  @Override
  public String toString() {
    return Sizes.text("Codes", count, height, width) + "]";
  }
}
