package io.github.eqvae.diffusion;

/**
 * Provides a sampler's noise. A sample must get the same numbers in every batch, so they should be
 * functions of (seed, number of the sample, step).
 */
@FunctionalInterface
public interface StepNoise {
  /**
   * Draws standard normal numbers.
   *
   * @param step number of the draw, from 0 in the order of the sampler's steps
   * @param count how many: the size of the state
   * @return the numbers
   */
  float[] draw(int step, int count);
}
