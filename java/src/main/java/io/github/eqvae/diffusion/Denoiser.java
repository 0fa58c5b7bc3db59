package io.github.eqvae.diffusion;

/**
 * A network as a sampler sees it: what it says of noisy samples at a time. Labels and guidance are
 * inside ({@link Guidance}).
 */
@FunctionalInterface
public interface Denoiser {
  /**
   * Asks the network.
   *
   * @param x noisy samples, {@code [N, H, W, C]}; not kept
   * @param time the time of all of them, on the clock that the network was trained with
   * @return {@code [N, H, W, C]}; {@code [N, H, W, 2C]} where the network says a variance, too,
   *     behind the C channels of each place
   */
  float[] predict(float[] x, double time);

  /**
   * Asks the network within a step that began earlier. Only guidance makes a difference between the
   * two times.
   *
   * @param x noisy samples, {@code [N, H, W, C]}; not kept
   * @param time the time of all of them
   * @param stepStart the time that decides whether the answer is guided
   * @return as {@link #predict(float[], double)}
   */
  default float[] predict(float[] x, double time, double stepStart) {
    return predict(x, time);
  }
}
