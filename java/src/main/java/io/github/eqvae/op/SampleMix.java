package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.Shape;

/**
 * Two tensors added with factors of each sample: out[n] = f[n,0]·a[n] + f[n,1]·b[n]. A diffusion
 * uses it to add noise to data, for each sample at its own time.
 *
 * <p>Inputs: a and b {@code [N,...]}, factors {@code [N,2]}, constants. Output: as a. PyTorch:
 * {@code f[:, 0].view(-1, 1, 1, 1) * a + f[:, 1].view(-1, 1, 1, 1) * b}.
 */
public record SampleMix() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape a = in.shape(0);
    in.require(a.rank() >= 1, "a is a scalar, expected samples along its first axis");
    in.expect(1, "b", a);
    in.expect(2, "factors", Shape.of(a.dim(0), 2));
    return Inference.of(in.get(0));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(2);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.SAMPLE_MIX_FWD).run(c.in(0), c.in(1), c.in(2), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    c.launch(Fn.SAMPLE_MIX_BWD).run(c.dOut(0), c.in(2), c.dIn(0), c.dIn(1));
  }
}
