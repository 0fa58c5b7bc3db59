package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.tensor.Philox;

/**
 * The random draws of a sample apart from its noise: pure functions of (seed, micro-batch, place in
 * it), so that a resumed run draws the same.
 *
 * @param seed the run's
 * @param loss the loss that times are drawn for
 */
record SampleDraws(long seed, DenoisingLoss loss) {
  /** Keeps these numbers apart from all others drawn from the run's seed ("times" in ASCII). */
  private static final long DOMAIN = 0x74696d6573L << 24;

  private int[] words(long index, int sample) {
    return Philox.block(seed ^ DOMAIN, sample, index);
  }

  /** The time that the network gets. */
  double time(long index, int sample) {
    int[] w = words(index, sample);
    return loss.time(Philox.uniform(w[0]), Philox.normal(w[2], w[3]));
  }

  /** Whether the label is hidden. */
  boolean drops(long index, int sample, double rate) {
    return Philox.uniform(words(index, sample)[1]) < rate;
  }
}
