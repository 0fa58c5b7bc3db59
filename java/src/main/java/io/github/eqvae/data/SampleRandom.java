package io.github.eqvae.data;

import io.github.eqvae.tensor.Philox;

/**
 * The random numbers of one sample: a pure function of (seed, epoch, index, slot). Every use has
 * its own slot, so that a transform that is switched off does not change the random numbers of the
 * others.
 *
 * @param seed the run's seed
 * @param epoch the epoch, from 0
 * @param index the picture's number in its data set
 */
public record SampleRandom(long seed, long epoch, int index) {
  /** Separates these random numbers from all others of the run's seed ("samples" in ASCII). */
  private static final long DOMAIN = 0x73616d706c6573L << 8;

  /**
   * A uniform number.
   *
   * @param slot the number of the use, 0..1023
   * @return in (0, 1)
   */
  public double uniform(int slot) {
    int[] words = Philox.block(seed ^ DOMAIN, ((long) index << 8) | (slot >> 2), epoch);
    return Philox.uniform(words[slot & 3]);
  }
}
