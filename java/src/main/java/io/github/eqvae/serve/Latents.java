package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/**
 * Latents of images of one size. A latent knows whether it is scaled, so that none is decoded with
 * the factor applied twice or not at all.
 *
 * @param count how many, N
 * @param height rows, h = H / factor
 * @param width columns, w
 * @param channels C
 * @param values {@code [N, h, w, C]}; not copied
 * @param scaled false: as the autoencoder makes them, diffusers' {@code vae.encode(x)}. true: as
 *     generators see them, {@code (z − shift_factor) · scaling_factor}
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
   * Latents as PyTorch has them.
   *
   * @param count N
   * @param channels C
   * @param height h
   * @param width w
   * @param values {@code [N, C, h, w]}
   * @param scaled whether the scaling factor was applied
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
   * The values as PyTorch has them.
   *
   * @return {@code [N, C, h, w]}
   */
  public float[] toNchw() {
    return Sizes.toNchw(values, count, height, width, channels);
  }

  /**
   * Some of them.
   *
   * @param from first, from 0
   * @param to behind the last
   * @return a copy, or this if it is all
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

  /** Sizes, not values: {@code Latents[2, 32, 32, 4, as encoded]}. */
  @Override
  public String toString() {
    return Sizes.text("Latents", count, height, width, channels)
        + (scaled ? ", scaled]" : ", as encoded]");
  }
}
