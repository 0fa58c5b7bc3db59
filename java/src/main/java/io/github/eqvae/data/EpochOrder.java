package io.github.eqvae.data;

import io.github.eqvae.tensor.Philox;

/** The order of an epoch: a permutation that is a pure function of (seed, epoch, size). */
public final class EpochOrder {
  /** Separates these random numbers from all others of the run's seed ("order" in ASCII). */
  private static final long DOMAIN = 0x6f72646572L << 24;

  private EpochOrder() {}

  /**
   * A uniformly drawn permutation (Fisher–Yates, 64 random bits per draw).
   *
   * @param seed the run's seed
   * @param epoch the epoch, from 0
   * @param size how many
   * @return each of 0 … size − 1 once
   */
  public static int[] permutation(long seed, long epoch, int size) {
    int[] order = new int[size];
    int[] words = new int[4];
    for (int i = 0; i < size; i++) {
      // One block serves two draws.
      if ((i & 1) == 0) {
        Philox.block(seed ^ DOMAIN, i >>> 1, epoch, words);
      }
      int word = 2 * (i & 1);
      long bits = ((long) words[word] << 32) | (words[word + 1] & 0xffffffffL);
      int j = (int) Math.unsignedMultiplyHigh(bits, i + 1L);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }
}
