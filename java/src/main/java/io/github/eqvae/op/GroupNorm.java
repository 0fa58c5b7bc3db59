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
 * <p>Inputs: x {@code [N,H,W,C]}, gamma {@code [C]}, beta {@code [C]}, optionally mean and rstd
 * {@code [N,groups,2]}, computed from this x by the {@link Convolution} before it: then x is read
 * only once. Output: as x. Saved: mean and rstd, unless given. Gradients always include the
 * dependence of the statistics on x, given or not. PyTorch: {@code F.group_norm}, then {@code
 * F.silu}. Statistics are summed in a fixed order.
 *
 * @param groups how many groups; divides C
 * @param eps added to the variance; 1e-6 in the SD-VAE
 * @param silu whether SiLU follows
 */
public record GroupNorm(int groups, double eps, boolean silu) implements Op {
  /**
   * From this width on, a processor's 3×3 convolution of the result multiplies at least 1152 times
   * for each number.
   */
  private static final int WIDE = 128;

  /**
   * The statistics of its input that the operation before it can compute.
   *
   * @return this norm's groups and eps
   */
  public GroupStatistics statistics() {
    return new GroupStatistics(groups, eps);
  }

  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    in.expect(1, "gamma", Shape.of(x.dim(3)));
    in.expect(2, "beta", Shape.of(x.dim(3)));
    Spec meanAndRstd = statistics().of(in, in.get(0));
    if (in.has(3)) {
      in.expect(3, "statistics", meanAndRstd.shape());
      return Inference.of(in.get(0));
    }
    return Inference.of(in.get(0), meanAndRstd);
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1, 2, 3);
  }

  private Launch launch(OpCall c, Fn fn) {
    return launch(c, fn, c.optional(3) != null);
  }

  private Launch launch(OpCall c, Fn fn, boolean known) {
    return c.launch(fn, Struct.GROUP_NORM_PARAMS).i32(groups).f32(eps).flag(silu).flag(known);
  }

  private static Tensor meanAndRstd(OpCall c) {
    Tensor given = c.optional(3);
    return given != null ? given : c.saved(0);
  }

  @Override
  public void forward(OpCall c) {
    launch(c, Fn.GROUP_NORM_FWD).run(c.in(0), c.in(1), c.in(2), c.out(0), meanAndRstd(c));
  }

  @Override
  public boolean isCheap(Shape output) {
    return output.dim(3) >= WIDE;
  }

  /** The statistics are known by then. */
  @Override
  public void again(OpCall c) {
    launch(c, Fn.GROUP_NORM_FWD, true).run(c.in(0), c.in(1), c.in(2), c.out(0), meanAndRstd(c));
  }

  @Override
  public void backward(OpCall c) {
    Tensor dx = c.dIn(0);
    Tensor dgamma = c.dIn(1);
    Tensor dbeta = c.dIn(2);
    Tensor x = c.in(0);
    Tensor gamma = c.in(1);
    launch(c, Fn.GROUP_NORM_BWD)
        .run(
            c.dOut(0),
            x,
            gamma,
            c.in(2),
            meanAndRstd(c),
            c.gradientSoFar(0),
            dx != null ? dx : c.temporary(x.shape(), x.dtype()),
            dgamma != null ? dgamma : c.temporary(gamma.shape(), gamma.dtype()),
            dbeta != null ? dbeta : c.temporary(gamma.shape(), gamma.dtype()));
  }
}
