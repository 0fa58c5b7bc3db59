package io.github.eqvae.diffusion;

/**
 * Where a sampler's noise comes from. A sample must get the same numbers whatever batch it is in:
 * make them functions of (seed, number of the sample, step).
 */
@FunctionalInterface
public interface StepNoise {
  /**
   * Standard normal numbers.
   *
   * @param step which draw, from 0 in the order of the sampler's steps
   * @param count how many: as many as the state has
   * @return the numbers
   */
  float[] draw(int step, int count);
}
