package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;

/**
 * The maximum of each 2×2 square; odd last rows and columns are dropped. PyTorch: {@code
 * F.max_pool2d(x, 2)}.
 */
public record MaxPool2x2() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    in.require(x.dim(1) > 1 && x.dim(2) > 1, "x " + x + " is too small to pool");
    Shape y = Shape.of(x.dim(0), x.dim(1) / 2, x.dim(2) / 2, x.dim(3));
    return Inference.of(in.get(0).as(y), new Spec(y, DType.U8));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.MAX_POOL2X2_FWD).run(c.in(0), c.out(0), c.saved(0));
  }

  @Override
  public void backward(OpCall c) {
    c.launch(Fn.MAX_POOL2X2_BWD).run(c.dOut(0), c.saved(0), c.dIn(0));
  }
}
