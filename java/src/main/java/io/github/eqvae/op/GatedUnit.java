package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.Shape;

/**
 * y = silu(a)·b of the two halves of the last axis: the middle of SwiGLU (Shazeer, arXiv
 * 2002.05202).
 *
 * <p>Input: x {@code [...,2H]} = a, b. Output: {@code [...,H]}. PyTorch: {@code a, b = x.chunk(2,
 * -1); F.silu(a) * b}.
 */
public record GatedUnit() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0);
    in.require(
        x.rank() >= 1 && x.dim(-1) % 2 == 0, "the last axis of x " + x + " has no two halves");
    return Inference.of(in.get(0).as(x.with(-1, x.dim(-1) / 2)));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.GATED_UNIT_FWD).run(c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    c.launch(Fn.GATED_UNIT_BWD).run(c.dOut(0), c.in(0), c.dIn(0));
  }
}
