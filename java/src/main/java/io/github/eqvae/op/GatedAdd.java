package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * A gated residual branch: x + gate·y.
 *
 * <p>Inputs: x {@code [N,...,C]}, gate {@code [N,C]}, y {@code [N,...,C]}. Output: as x. The gate's
 * gradient is summed over the rows of its sample in a fixed order; the gradient of x is that of the
 * output, without a copy. PyTorch: {@code x + gate.unsqueeze(1) * y}, as in DiT's blocks.
 */
public record GatedAdd() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0);
    in.require(x.rank() >= 2, "x " + x + " has no samples that could be gated");
    in.expect(1, "gate", Shape.of(x.dim(0), x.dim(-1)));
    in.expect(2, "y", x);
    return Inference.of(in.get(0));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(1, 2);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.GATED_ADD_FWD).run(c.in(0), c.in(1), c.in(2), c.out(0));
  }

  private static Tensor gradient(OpCall c, int i) {
    Tensor d = c.dIn(i);
    return d != null ? d : c.temporary(c.in(i).shape(), c.in(i).dtype());
  }

  @Override
  public void backward(OpCall c) {
    if (c.wants(1) || c.wants(2)) {
      Tensor dgate = gradient(c, 1);
      Tensor dy = gradient(c, 2);
      c.launch(Fn.GATED_ADD_BWD).run(c.dOut(0), c.in(1), c.in(2), dgate, dy);
    }
    if (c.wants(0)) {
      c.pass(0, c.dOut(0));
    }
  }
}
