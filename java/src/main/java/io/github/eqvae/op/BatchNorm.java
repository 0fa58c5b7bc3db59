package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Batch normalisation. Inputs: x {@code [N,H,W,C]}, gamma, beta, running mean, running variance
 * {@code [C]}; the running ones are updated in place when training. PyTorch: {@code F.batch_norm}.
 *
 * @param eps added to the variance
 * @param momentum weight of the new batch in the running statistics
 * @param training use the batch's statistics
 */
public record BatchNorm(double eps, double momentum, boolean training) implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    for (int i = 1; i < 5; i++) {
      in.expect(i, "input " + i, Shape.of(x.dim(3)));
    }
    return Inference.of(in.get(0), in.get(0).full(Shape.of(x.dim(3), 2)));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1);
  }

  private Launch params(Launch launch) {
    return launch.f32(eps).f32(momentum).flag(training);
  }

  @Override
  public void forward(OpCall c) {
    params(c.launch(Fn.BATCH_NORM_FWD, Struct.BATCH_NORM_PARAMS))
        .run(c.in(0), c.in(1), c.in(2), c.in(3), c.in(4), c.out(0), c.saved(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor dx = c.dIn(0);
    Tensor dgamma = c.dIn(1);
    Tensor dbeta = c.dIn(2);
    Tensor x = c.in(0);
    Tensor gamma = c.in(1);
    params(c.launch(Fn.BATCH_NORM_BWD, Struct.BATCH_NORM_PARAMS))
        .run(
            c.dOut(0),
            x,
            gamma,
            c.saved(0),
            dx != null ? dx : c.temporary(x.shape(), x.dtype()),
            dgamma != null ? dgamma : c.temporary(gamma.shape(), gamma.dtype()),
            dbeta != null ? dbeta : c.temporary(gamma.shape(), gamma.dtype()));
  }
}
