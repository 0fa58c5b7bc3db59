package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * One step's term of a diffusion's variational bound, per sample: the mean over its numbers, in
 * bits (Ho et al. 2020, equation 5; Nichol and Dhariwal, arXiv 2102.09672; {@code _vb_terms_bpd} of
 * facebookresearch/DiT).
 *
 * <p>x0 = a·x[t] + b·said; mean = c·x0 + d·x[t]; log variance L = f·most + (1 − f)·least, f = (v +
 * 1)/2. The term is KL(q(x[t−1] | x[t], start) ‖ N(mean, e^L)), of two normals with the same d·x[t]
 * in their means; in the first step it is −log of the probability, at least 10⁻¹², that N(mean,
 * e^L) has in a bin of width 2/255 around the data; for data beyond ±0.999 the bin reaches to
 * infinity. Computed in single precision in the reference's order of operations, because in the
 * first step large numbers cancel: the term is off by up to 10⁻², and its gradient by 10 % where
 * the data is more than four standard deviations away. A first step may be computed in double
 * instead.
 *
 * <p>Inputs: said {@code [N,...]}, of data or noise; optional v as said, of the variance; start and
 * x[t] as said, constants; steps {@code [N,8]} = a, b, c, d, log variance of q, least, most, and in
 * the first step {@link #FIRST_STEP} or {@link #FIRST_STEP_IN_DOUBLE}, else 0. Output: {@code [N]}.
 * PyTorch: {@code normal_kl} and {@code discretized_gaussian_log_likelihood}, then {@code
 * .flatten(1).mean(1) / math.log(2)}.
 */
public record GaussianVlb() implements Op {
  /** Numbers in a row of steps. */
  public static final int COLUMNS = 8;

  /** The last column of a row of the first step: computed in single precision, as published. */
  public static final double FIRST_STEP = 1;

  /** The same, computed in double precision. */
  public static final double FIRST_STEP_IN_DOUBLE = 2;

  @Override
  public Inference infer(Inputs in) {
    Shape said = in.shape(0);
    in.require(said.rank() >= 1, "said is a scalar, expected samples along its first axis");
    if (in.has(1)) {
      in.expect(1, "variance", said);
    }
    in.expect(2, "start", said);
    in.expect(3, "noisy", said);
    in.expect(4, "steps", Shape.of(said.dim(0), COLUMNS));
    return Inference.of(in.get(0).as(Shape.of(said.dim(0))));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1, 2, 3, 4);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.GAUSSIAN_VLB_FWD).run(c.in(0), c.optional(1), c.in(2), c.in(3), c.in(4), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor dsaid = c.dIn(0);
    Tensor dvariance = c.optional(1) == null ? null : c.dIn(1);
    c.launch(Fn.GAUSSIAN_VLB_BWD)
        .run(c.dOut(0), c.in(0), c.optional(1), c.in(2), c.in(3), c.in(4), dsaid, dvariance);
  }
}
