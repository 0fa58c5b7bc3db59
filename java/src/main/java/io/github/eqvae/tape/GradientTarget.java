package io.github.eqvae.tape;

import io.github.eqvae.tensor.Tensor;

/**
 * Where the gradient of a parameter goes. The first gradient after a fresh start is written, later
 * ones are added.
 */
public interface GradientTarget {
  /**
   * The parameter's value: the leaf the tape watches.
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
   * Whether the gradient's content is from an earlier update and must be overwritten.
   *
   * @return true until {@link #markWritten}
   */
  boolean isFresh();

  /** Says that the gradient now holds a value of this update. */
  void markWritten();
}
