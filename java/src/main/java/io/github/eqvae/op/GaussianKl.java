package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.Shape;

/**
 * KL divergence to the standard normal, summed over the latent, averaged over the batch; a scalar.
 */
public record GaussianKl() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape m = in.shape(0, "moments", 4);
    in.require(m.dim(3) % 2 == 0, "moments " + m + " needs an even number of channels");
    return Inference.of(in.get(0).as(Shape.SCALAR));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.GAUSSIAN_KL_FWD).run(c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    c.launch(Fn.GAUSSIAN_KL_BWD).run(c.dOut(0), c.in(0), c.dIn(0));
  }
}
