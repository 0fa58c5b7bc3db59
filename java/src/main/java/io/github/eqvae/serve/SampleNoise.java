package io.github.eqvae.serve;

import io.github.eqvae.tensor.Philox;

/**
 * The noise of one sample: a pure function of (seed, number of the sample, draw), independent of
 * its batch.
 *
 * @param seed the user's seed
 * @param sample the sample's number
 */
record SampleNoise(long seed, long sample) {
  /** Separates these random numbers from all others of a seed ("generate" in ASCII). */
  private static final long DOMAIN = 0x67656E6572617465L;

  /** The draw's number is above this bit, the number of a block in the draw below it. */
  private static final int DRAW_FROM_BIT = 32;

  /** The sampler's start. */
  float[] start(int count) {
    return draw(0, count);
  }

  /** The noise of a step. */
  float[] step(int step, int count) {
    return draw(step + 1, count);
  }

  private float[] draw(int draw, int count) {
    float[] out = new float[count];
    int[] words = new int[4];
    for (int i = 0; i < count; i += 2) {
      Philox.block(seed ^ DOMAIN, ((long) draw << DRAW_FROM_BIT) | (i / 2), sample, words);
      out[i] = (float) Philox.normal(words[0], words[1]);
      if (i + 1 < count) {
        out[i + 1] = (float) Philox.normal(words[2], words[3]);
      }
    }
    return out;
  }
}
