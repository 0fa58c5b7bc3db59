package io.github.eqvae.op;

import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Joins tensors along one axis. PyTorch: {@code torch.cat}.
 *
 * @param axis which axis
 */
public record Concat(int axis) implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape first = in.shape(0);
    long total = 0;
    for (int i = 0; i < in.count(); i++) {
      in.expect(i, "input " + i, first.with(axis, in.shape(i).dim(axis)));
      total += in.shape(i).dim(axis);
    }
    return Inference.of(in.get(0).as(first.with(axis, total)));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  @Override
  public void forward(OpCall c) {
    long at = 0;
    for (int i = 0; at < c.out(0).shape().dim(axis); i++) {
      long n = c.in(i).shape().dim(axis);
      c.in(i).copyTo(c.stream(), c.out(0).narrow(axis, at, n));
      at += n;
    }
  }

  @Override
  public void backward(OpCall c) {
    long at = 0;
    for (int i = 0; at < c.out(0).shape().dim(axis); i++) {
      long n = c.in(i).shape().dim(axis);
      Tensor d = c.dIn(i);
      if (d != null) {
        c.dOut(0).narrow(axis, at, n).copyTo(c.stream(), d);
      }
      at += n;
    }
  }
}
