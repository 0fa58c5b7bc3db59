package io.github.eqvae.diffusion;

/**
 * A denoising network as a function of noisy samples and time, for samplers. Labels and guidance
 * are inside ({@link Guidance}).
 */
@FunctionalInterface
public interface Denoiser {
  /**
   * Evaluates the network.
   *
   * @param x noisy samples, {@code [N, H, W, C]}; not kept
   * @param time the time of all samples, on the time scale of the network's training
   * @return {@code [N, H, W, C]}; {@code [N, H, W, 2C]} if the network also predicts a variance,
   *     which follows the C channels of each position
   */
  float[] predict(float[] x, double time);

  /**
   * Evaluates the network within a step that began at an earlier time. Only guidance uses that
   * time.
   *
   * @param x noisy samples, {@code [N, H, W, C]}; not kept
   * @param time the time of all samples
   * @param stepStart the time that decides whether guidance is applied
   * @return as {@link #predict(float[], double)}
   */
  default float[] predict(float[] x, double time, double stepStart) {
    return predict(x, time);
  }
}
