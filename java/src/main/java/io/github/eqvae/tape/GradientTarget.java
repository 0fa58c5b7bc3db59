package io.github.eqvae.tape;

import io.github.eqvae.tensor.Tensor;

/**
 * The destination of a parameter's gradient. The first gradient of an update is written, later ones
 * are added.
 */
public interface GradientTarget {
  /**
   * The parameter's value, which is the leaf on the tape.
   *
   * @return the tensor
   */
  Tensor value();

  /**
   * The gradient's memory, of the value's shape.
   *
   * @return the tensor
   */
  Tensor gradient();

  /**
   * Whether the gradient is still that of an earlier update and must be overwritten.
   *
   * @return true until {@link #markWritten}
   */
  boolean isFresh();

  /** Notes that the gradient now has a value of this update. */
  void markWritten();

  /**
   * Notes that the backward pass adds nothing more to the gradient, long before it ends for most
   * parameters. A target that the pass does not reach is not told.
   */
  default void completed() {}
}
