package io.github.eqvae.op;

import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;

/**
 * Shape and dtype of a tensor, which need not exist.
 *
 * @param shape its shape
 * @param dtype its dtype
 */
public record Spec(Shape shape, DType dtype) {
  /**
   * The same dtype with another shape.
   *
   * @param other the new shape
   * @return the spec
   */
  public Spec as(Shape other) {
    return new Spec(other, dtype);
  }

  /**
   * The dtype of statistics and losses of activations: single precision for bf16, otherwise the
   * same.
   *
   * @param other the new shape
   * @return the spec
   */
  public Spec full(Shape other) {
    return new Spec(other, dtype == DType.BF16 ? DType.F32 : dtype);
  }

  @Override
  public String toString() {
    return dtype + shape.toString();
  }
}
