package io.github.eqvae.serve;

/**
 * How a latent is taken from the posterior. It has no effect on models with a codebook, whose
 * latents are deterministic.
 *
 * @param samples true for a sample, false for the mode (the mean)
 * @param seed seed of the noise
 * @param first number of the first image: the noise of image i of a batch is a function of (seed,
 *     first + i)
 */
public record Posterior(boolean samples, long seed, long first) {
  private static final Posterior MODE = new Posterior(false, 0, 0);

  /**
   * The mean, diffusers' {@code latent_dist.mode()}.
   *
   * @return the deterministic choice
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
   * The same noise for a batch that begins with another image.
   *
   * @param image number of the first image of the batch
   * @return the posterior for that batch
   */
  public Posterior from(long image) {
    return new Posterior(samples, seed, image);
  }
}
