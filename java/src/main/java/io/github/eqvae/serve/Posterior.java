package io.github.eqvae.serve;

/**
 * Which latent of the posterior is taken. Without effect on models with a codebook, whose latents
 * have no randomness.
 *
 * @param samples false for the mode (the mean), without randomness
 * @param seed of the noise
 * @param first number of the first image: image i of a batch gets the noise of (seed, first + i),
 *     whatever batch it comes in
 */
public record Posterior(boolean samples, long seed, long first) {
  private static final Posterior MODE = new Posterior(false, 0, 0);

  /**
   * The mean, diffusers' {@code latent_dist.mode()}.
   *
   * @return no randomness
   */
  public static Posterior mode() {
    return MODE;
  }

  /**
   * A sample, diffusers' {@code latent_dist.sample()}.
   *
   * @param seed the same seed gives the same latents
   * @return mean + std · noise
   */
  public static Posterior sample(long seed) {
    return new Posterior(true, seed, 0);
  }

  /**
   * The same noise, counted from another image.
   *
   * @param image number of the first image of the batch
   * @return the posterior for that batch
   */
  public Posterior from(long image) {
    return new Posterior(samples, seed, image);
  }
}
