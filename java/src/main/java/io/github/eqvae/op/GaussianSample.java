package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.Shape;

/**
 * z = mean + exp(logvar/2)·noise; moments {@code [N,H,W,2C]}, noise and z {@code [N,H,W,C]}. The
 * noise is a constant.
 */
public record GaussianSample() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape z = in.shape(1, "noise", 4);
    in.expect(0, "moments", z.with(3, 2 * z.dim(3)));
    return Inference.of(in.get(1));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.GAUSSIAN_SAMPLE_FWD).run(c.in(0), c.in(1), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    c.launch(Fn.GAUSSIAN_SAMPLE_BWD).run(c.dOut(0), c.in(0), c.in(1), c.dIn(0));
  }
}
