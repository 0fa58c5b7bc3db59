package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Group normalisation over (H, W, C/groups), optionally followed by SiLU in the same pass.
 *
 * <p>y = (x − mean) · rstd · gamma + beta, rstd = 1/√(var + eps), var biased; with {@code silu}:
 * y·sigmoid(y).
 *
 * <p>Inputs: x {@code [N,H,W,C]}, gamma {@code [C]}, beta {@code [C]}. Output: as x. Saved: mean
 * and rstd {@code [N,groups,2]}. PyTorch: {@code F.group_norm}, then {@code F.silu}. Statistics are
 * summed in a fixed order.
 *
 * @param groups how many groups; divides C
 * @param eps added to the variance; 1e-6 in the SD-VAE
 * @param silu whether SiLU follows
 */
public record GroupNorm(int groups, double eps, boolean silu) implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    in.require(
        groups >= 1 && x.dim(3) % groups == 0,
        x.dim(3) + " channels are not divisible into " + groups + " groups");
    in.expect(1, "gamma", Shape.of(x.dim(3)));
    in.expect(2, "beta", Shape.of(x.dim(3)));
    return Inference.of(in.get(0), in.get(0).full(Shape.of(x.dim(0), groups, 2)));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1, 2);
  }

  private Launch params(Launch launch) {
    return launch.i32(groups).f32(eps).flag(silu);
  }

  @Override
  public void forward(OpCall c) {
    params(c.launch(Fn.GROUP_NORM_FWD, Struct.GROUP_NORM_PARAMS))
        .run(c.in(0), c.in(1), c.in(2), c.out(0), c.saved(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor dx = c.dIn(0);
    Tensor dgamma = c.dIn(1);
    Tensor dbeta = c.dIn(2);
    Tensor x = c.in(0);
    Tensor gamma = c.in(1);
    params(c.launch(Fn.GROUP_NORM_BWD, Struct.GROUP_NORM_PARAMS))
        .run(
            c.dOut(0),
            x,
            gamma,
            c.in(2),
            c.saved(0),
            dx != null ? dx : c.temporary(x.shape(), x.dtype()),
            dgamma != null ? dgamma : c.temporary(gamma.shape(), gamma.dtype()),
            dbeta != null ? dbeta : c.temporary(gamma.shape(), gamma.dtype()));
  }
}
