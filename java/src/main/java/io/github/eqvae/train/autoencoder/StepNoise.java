package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.EqObjective;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.op.Dropout;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * The random numbers of a forward pass: a function of the seed, the network's counter, the group
 * and what they are for.
 *
 * @param seed the run's
 * @param counter a scalar that is distinct for every forward pass of a run
 */
record StepNoise(long seed, Tensor counter) implements EqObjective.Noise {
  /** Keeps the random numbers of noise apart from those of draws and of the weights' start. */
  private static final long NOISE = 1L << 62;

  /** Keeps further numbers apart from the posterior's noise; their kinds lie above the counters. */
  private static final long EXTRA = NOISE + (1L << 61);

  private static final int KINDS_FROM_BIT = 54;

  private static final int OF_A_KIND = 8;

  /** Groups are counted below this. */
  static final long GROUPS = 4096;

  @Override
  public Tensor draw(Tape tape, Shape shape, int group) {
    Tensor noise = tape.arena().tensor(shape);
    noise.normal(tape.stream(), seed, NOISE + group, counter, 0, 1);
    return noise;
  }

  @Override
  public Tensor draw(EqObjective.Extra what, int index, Tape tape, Shape shape, int group) {
    Tensor numbers = tape.arena().tensor(shape);
    long kind = (long) what.ordinal() * OF_A_KIND + index;
    long purpose = EXTRA + (kind << KINDS_FROM_BIT) + group;
    switch (what) {
      case LATENT_NOISE -> numbers.normal(tape.stream(), seed, purpose, counter, 0, 1);
      case LATENT_NOISE_SHARE -> numbers.uniform(tape.stream(), seed, purpose, counter, 0, 1);
      case LPIPS_DROPOUT -> {
        numbers.fill(tape.stream(), 1);
        return tape.apply(new Dropout(Lpips.DROPOUT, seed, purpose), numbers, counter);
      }
    }
    return numbers;
  }
}
