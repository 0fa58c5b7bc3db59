package io.github.eqvae.tape;

import io.github.eqvae.tensor.Tensor;

/**
 * A {@link Block} that also depends on what conditions it: a pure function of both and of
 * parameters.
 */
@FunctionalInterface
public interface ConditionedBlock {
  /**
   * Runs the part.
   *
   * @param tape the tape to use, which need not be the one that called
   * @param x the input
   * @param condition what it is conditioned on
   * @return the output
   */
  Tensor apply(Tape tape, Tensor x, Tensor condition);
}
