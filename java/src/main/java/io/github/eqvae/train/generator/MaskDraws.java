package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.MaskSchedule;
import io.github.eqvae.tensor.Philox;

/**
 * Which codes and labels are hidden from a network: pure functions of (seed, number, sample), so
 * that a resumed run draws the same.
 *
 * @param seed the run's
 * @param use makes the numbers of different uses different
 * @param schedule how much is hidden
 */
record MaskDraws(long seed, long use, MaskSchedule schedule) {
  /** Keeps these numbers apart from all others drawn from the run's seed ("masks" in ASCII). */
  private static final long DOMAIN = 0x6D61736B73L << 24;

  /** The use for training batches. */
  static final int TRAINING = 0;

  /** The use for measurements. */
  static final int VALIDATION = 1;

  private static final int SAMPLE_FROM_BIT = 24; // a picture has fewer places
  private static final int WORDS = 4;

  private int[] words(long index, int sample, int block) {
    return Philox.block(seed ^ DOMAIN ^ use, (long) sample << SAMPLE_FROM_BIT | block, index);
  }

  /** The number r in [0, 1) that determines the share of hidden codes. */
  double r(long index, int sample) {
    return Philox.uniform(words(index, sample, 0)[0]);
  }

  /** Whether the label is hidden. */
  boolean drops(long index, int sample, double rate) {
    return Philox.uniform(words(index, sample, 0)[1]) < rate;
  }

  /** Which codes are hidden, each with the same probability. */
  boolean[] mask(long index, int sample, double r, int codes) {
    double share = schedule.fraction(r);
    boolean[] hidden = new boolean[codes];
    int[] words = {};
    for (int i = 0; i < codes; i++) {
      if (i % WORDS == 0) {
        words = words(index, sample, 1 + i / WORDS);
      }
      hidden[i] = Philox.uniform(words[i % WORDS]) < share;
    }
    return hidden;
  }
}
