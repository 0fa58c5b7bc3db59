package io.github.eqvae.diffusion;

import io.github.eqvae.tensor.Philox;

/**
 * Random draws for sampling a picture: pure functions of (seed, number of the picture, step,
 * position), independent of its batch.
 *
 * @param seed the user's seed
 * @param sample the picture's number
 */
public record PhiloxDraws(long seed, long sample) implements MaskedSampler.Draws {
  /** Separates these random numbers from all others of a seed ("codes" in ASCII). */
  private static final long DOMAIN = 0x636F646573L << 24;

  private static final int STEP_FROM_BIT = 32;

  private static final int OFFSET = Integer.MAX_VALUE; // no step has this number

  private double uniform(int step, int place, int word) {
    long block = (long) step << STEP_FROM_BIT | place;
    return Philox.uniform(Philox.block(seed ^ DOMAIN, block, sample)[word]);
  }

  @Override
  public int code(int step, int place, float[] probabilities) {
    double sum = 0;
    for (float p : probabilities) {
      sum += p;
    }
    double left = uniform(step, place, 0) * sum;
    int last = 0;
    for (int i = 0; i < probabilities.length; i++) {
      if (probabilities[i] > 0) {
        last = i;
        left -= probabilities[i];
        if (left < 0) {
          return i;
        }
      }
    }
    return last; // reached only through rounding
  }

  @Override
  public double gumbel(int step, int place) {
    return -Math.log(-Math.log(uniform(step, place, 1)));
  }

  @Override
  public int offset(int places) {
    return (int) (uniform(OFFSET, 0, 0) * places);
  }
}
