package io.github.eqvae.data;

import io.github.eqvae.tensor.Philox;

/**
 * The random numbers of one sample: a pure function of (seed, epoch, index, slot). Every use has
 * its own slot, so that switching one transform off does not change the others' numbers.
 *
 * @param seed the run's seed
 * @param epoch the epoch, from 0
 * @param index the picture's number in its data set
 */
public record SampleRandom(long seed, long epoch, int index) {
  /** Keeps these numbers apart from all others drawn from the run's seed ("samples" in ASCII). */
  private static final long DOMAIN = 0x73616d706c6573L << 8;

  /**
   * A uniform number.
   *
   * @param slot which, 0..1023
   * @return in (0, 1)
   */
  public double uniform(int slot) {
    int[] words = Philox.block(seed ^ DOMAIN, ((long) index << 8) | (slot >> 2), epoch);
    return Philox.uniform(words[slot & 3]);
  }
}
