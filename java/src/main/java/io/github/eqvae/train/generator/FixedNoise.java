package io.github.eqvae.train.generator;

import io.github.eqvae.tensor.Philox;

/**
 * Standard normal numbers for samples that are shown and for measurements. They are the same each
 * time in a run, and a sample's numbers do not depend on its batch.
 *
 * @param seed the run's
 * @param use makes the numbers of different uses different
 */
record FixedNoise(long seed, long use) {
  /** Keeps these numbers apart from all others drawn from the run's seed ("fixed" in ASCII). */
  private static final long DOMAIN = 0x6669786564L << 24;

  /** The draw of the start, or of the posterior. */
  static final int START = 0;

  private static final int STEPS_FROM_BIT = 32;

  /**
   * Fills a sample's part of an array.
   *
   * @param sample its number
   * @param step which draw: {@link #START}, or of a sampler's steps from 1 on
   * @param out receives the numbers
   * @param at where they begin
   * @param count how many
   */
  void fill(long sample, int step, float[] out, int at, int count) {
    int[] words = new int[4];
    for (int i = 0; i < count; i++) {
      if (i % 2 == 0) { // a block serves two numbers
        long block = ((long) step << STEPS_FROM_BIT) | (i / 2);
        Philox.block(seed ^ DOMAIN ^ use, block, sample, words);
      }
      out[at + i] = (float) Philox.normal(words[2 * (i % 2)], words[2 * (i % 2) + 1]);
    }
  }
}
