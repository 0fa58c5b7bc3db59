package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.Shape;

/**
 * One level of LPIPS: f0, f1 {@code [N,H,W,C]}, w {@code [C]} to {@code [N]}. With w {@code
 * [N,H,W,C]} each value has its own weight, which expresses dropout before the head.
 */
public record LpipsHead() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape f = in.shape(0, "f0", 4);
    in.expect(1, "f1", f);
    in.expect(2, "w", in.shape(2).rank() == 4 ? f : Shape.of(f.dim(3)));
    return Inference.of(in.get(0).full(Shape.of(f.dim(0))));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1, 2);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.LPIPS_HEAD_FWD).run(c.in(0), c.in(1), c.in(2), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    if (c.wants(1)) {
      c.launch(Fn.LPIPS_HEAD_BWD).run(c.dOut(0), c.in(0), c.in(1), c.in(2), c.dIn(1));
    }
    if (c.wants(0)) {
      c.launch(Fn.LPIPS_HEAD_BWD).run(c.dOut(0), c.in(1), c.in(0), c.in(2), c.dIn(0));
    }
  }
}
