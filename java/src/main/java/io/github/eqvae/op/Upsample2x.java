package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.Shape;

/**
 * Nearest-neighbour doubling: {@code [N,H,W,C]} to {@code [N,2H,2W,C]}. PyTorch: {@code
 * F.interpolate(scale_factor=2)}. For programs that embed the library: its own networks double and
 * convolve in one pass ({@link UpsampleConv2d}).
 */
public record Upsample2x() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    return Inference.of(in.get(0).as(Shape.of(x.dim(0), 2 * x.dim(1), 2 * x.dim(2), x.dim(3))));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.UPSAMPLE2X_FWD).run(c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    c.launch(Fn.UPSAMPLE2X_BWD).run(c.dOut(0), c.dIn(0));
  }
}
