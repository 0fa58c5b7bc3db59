package io.github.eqvae.tape;

import io.github.eqvae.tensor.Tensor;

/**
 * A part of a network that {@link Tape#block} may run more than once: a pure function of its input
 * and parameters.
 */
@FunctionalInterface
public interface Block {
  /**
   * Runs the part.
   *
   * @param tape the tape to use, which may be another one than the caller's
   * @param x the input
   * @return the output
   */
  Tensor apply(Tape tape, Tensor x);
}
