package io.github.eqvae.tape;

import io.github.eqvae.tensor.Tensor;

/**
 * A {@link Block} with a condition as a second input: a pure function of both and of parameters.
 */
@FunctionalInterface
public interface ConditionedBlock {
  /**
   * Runs the part.
   *
   * @param tape the tape to use, which may be another one than the caller's
   * @param x the input
   * @param condition what it is conditioned on
   * @return the output
   */
  Tensor apply(Tape tape, Tensor x, Tensor condition);
}
