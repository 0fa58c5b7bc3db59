package io.github.eqvae.op;

import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * The same elements with another shape, a view. PyTorch: {@code x.reshape(shape)}.
 *
 * @param shape the new shape, with as many elements
 */
public record Reshape(Shape shape) implements ViewOp {
  @Override
  public Inference infer(Inputs in) {
    in.require(
        shape.elements() == in.shape(0).elements(),
        in.shape(0) + " cannot become " + shape + ": the element counts differ");
    return Inference.of(in.get(0).as(shape));
  }

  @Override
  public boolean needsContiguous() {
    return true;
  }

  @Override
  public Tensor view(Tensor x) {
    return x.reshape(shape);
  }

  @Override
  public void backward(OpCall c) {
    c.pass(0, c.dOut(0).reshape(c.in(0).shape()));
  }
}
