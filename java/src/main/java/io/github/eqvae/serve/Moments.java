package io.github.eqvae.serve;

/**
 * The posterior of images, a Gaussian per value of the latent. A cache of moments lets every epoch
 * draw new samples.
 *
 * @param count number of images, N
 * @param height rows, h
 * @param width columns, w
 * @param channels C
 * @param mean {@code [N, h, w, C]}
 * @param std {@code [N, h, w, C]}, e^(logvar/2) with logvar clamped to [−30, 20]
 */
public record Moments(int count, int height, int width, int channels, float[] mean, float[] std) {
  /** Checks the sizes. */
  public Moments {
    Sizes.require("means", mean.length, count, height, width, channels);
    Sizes.require("deviations", std.length, count, height, width, channels);
  }

  /** The sizes, without values: {@code Moments[2, 32, 32, 4]}. */
  @Override
  public String toString() {
    return Sizes.text("Moments", count, height, width, channels) + "]";
  }
}
