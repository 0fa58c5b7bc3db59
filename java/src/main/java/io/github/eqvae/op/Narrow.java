package io.github.eqvae.op;

import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * A part along one axis, a view. PyTorch: {@code x.narrow}.
 *
 * @param axis which axis
 * @param start first index
 * @param length how many
 */
public record Narrow(int axis, long start, long length) implements ViewOp {
  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0);
    in.require(
        axis >= 0 && axis < x.rank() && start >= 0 && length > 0 && start + length <= x.dim(axis),
        start + "…" + (start + length) + " on axis " + axis + " is outside " + x);
    return Inference.of(in.get(0).as(x.with(axis, length)));
  }

  @Override
  public Tensor view(Tensor x) {
    return x.narrow(axis, start, length);
  }

  @Override
  public void backward(OpCall c) {
    Tensor dx = c.temporary(c.in(0).shape(), c.in(0).dtype());
    dx.fill(c.stream(), 0);
    c.dOut(0).copyTo(c.stream(), dx.narrow(axis, start, length));
    c.pass(0, dx);
  }
}
