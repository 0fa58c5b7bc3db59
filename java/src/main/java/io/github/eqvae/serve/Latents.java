package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/**
 * Latents of images of one size. They record whether they are scaled, so that the scaling is
 * applied exactly once.
 *
 * @param count number of images, N
 * @param height rows, h = H / factor
 * @param width columns, w
 * @param channels C
 * @param values {@code [N, h, w, C]}; not copied
 * @param scaled false for the autoencoder's output, diffusers' {@code vae.encode(x)}; true for a
 *     generator's input, {@code (z − shift_factor) · scaling_factor}
 */
public record Latents(
    int count, int height, int width, int channels, float[] values, boolean scaled) {
  /**
   * Checks the sizes.
   *
   * @throws EqvaeException.Argument if the array has another length
   */
  public Latents {
    Sizes.require("latents", values.length, count, height, width, channels);
  }

  /**
   * Creates latents from PyTorch's layout.
   *
   * @param count N
   * @param channels C
   * @param height h
   * @param width w
   * @param values {@code [N, C, h, w]}
   * @param scaled whether they are scaled
   * @return the latents
   */
  public static Latents ofNchw(
      int count, int channels, int height, int width, float[] values, boolean scaled) {
    Sizes.require("latents", values.length, count, height, width, channels);
    return new Latents(
        count,
        height,
        width,
        channels,
        Sizes.toNhwc(values, count, height, width, channels),
        scaled);
  }

  /**
   * The values in PyTorch's layout.
   *
   * @return {@code [N, C, h, w]}
   */
  public float[] toNchw() {
    return Sizes.toNchw(values, count, height, width, channels);
  }

  /**
   * A part of the latents.
   *
   * @param from number of the first image
   * @param to number after the last image
   * @return a copy, or this for all images
   */
  public Latents part(int from, int to) {
    int each = height * width * channels;
    return from == 0 && to == count
        ? this
        : new Latents(
            to - from,
            height,
            width,
            channels,
            Arrays.copyOfRange(values, from * each, to * each),
            scaled);
  }

  /** The sizes, without values: {@code Latents[2, 32, 32, 4, as encoded]}. */
  @Override
  public String toString() {
    return Sizes.text("Latents", count, height, width, channels)
        + (scaled ? ", scaled]" : ", as encoded]");
  }
}
