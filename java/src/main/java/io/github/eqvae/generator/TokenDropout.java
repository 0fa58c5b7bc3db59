package io.github.eqvae.generator;

import io.github.eqvae.op.Dropout;
import io.github.eqvae.op.SelfAttention;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Dropout of a transformer in training. The dropped numbers are a function of the seed, the layer
 * and the counter, so that they are the same in a resumed run and when a block is recomputed.
 *
 * @param rate dropout rate, at least 0 and below 1
 * @param seed the run's seed
 * @param counter differs between micro-batches: a scalar of {@code F64}, below 2³²
 */
public record TokenDropout(double rate, long seed, Tensor counter) {
  /** Separates these random numbers from a generator's noise (docs/numerics.md). */
  private static final long PURPOSE = 3L << 61;

  private static final int LAYER_FROM_BIT = 32;

  private static final int PLACES = 8; // more than a block has

  static Tensor at(@Nullable TokenDropout of, Tape tape, int block, int place, Tensor x) {
    if (of == null || of.rate == 0) {
      return x;
    }
    return tape.apply(new Dropout(of.rate, of.seed, purpose(block, place)), x, of.counter);
  }

  /** Self-attention whose weights are dropped as well. */
  static Tensor attention(
      @Nullable TokenDropout of, Tape tape, int block, int place, int heads, Tensor qkv) {
    if (of == null || of.rate == 0) {
      return tape.apply(new SelfAttention(heads), qkv);
    }
    return tape.apply(
        new SelfAttention(heads, of.rate, of.seed, purpose(block, place)), qkv, of.counter);
  }

  private static long purpose(int block, int place) {
    long layer = (long) PLACES * block + place;
    return PURPOSE + (layer << LAYER_FROM_BIT);
  }
}
