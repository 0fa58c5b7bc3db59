package io.github.eqvae.bench;

import java.util.SplittableRandom;

/** The same numbers for every peer. */
final class Numbers {
  private Numbers() {}

  /** Uniform in [-1, 1). */
  static float[] uniform(long seed, long count) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] out = new float[Math.toIntExact(count)];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) (2 * random.nextDouble() - 1);
    }
    return out;
  }
}
