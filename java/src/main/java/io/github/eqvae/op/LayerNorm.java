package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Normalisation of the last axis, and the shift and scale of adaLN (Peebles and Xie, arXiv
 * 2212.09748), in one pass.
 *
 * <p>u = (x − mean) · rstd · weight + bias, rstd = 1/√(var + eps), var biased; y = u · (1 + scale)
 * + shift. With {@code rms} no mean is subtracted, and rstd = 1/√(mean of x² + eps).
 *
 * <p>Inputs: x {@code [N,...,C]}; optional weight {@code [C]}; optional bias {@code [C]}; optional
 * modulation {@code [N,2,C]} = shift and scale of each sample, or {@code [N,1,C]} = scale alone.
 * Output: as x. Saved: mean and rstd of each row. Sums have a fixed order. PyTorch: {@code
 * F.layer_norm(x, (C,), weight, bias, eps)} or {@code F.rms_norm}, then {@code * (1 + scale[:,
 * None]) + shift[:, None]}.
 *
 * @param eps added to the variance; 1e-6 in DiT
 * @param rms whether it is RMS norm
 */
public record LayerNorm(double eps, boolean rms) implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0);
    in.require(x.rank() >= 1, "x is a scalar, expected at least rank 1");
    in.require(eps > 0, "eps is " + eps + ", must be above 0");
    Shape channels = Shape.of(x.dim(-1));
    if (in.has(1)) {
      in.expect(1, "weight", channels);
    }
    if (in.has(2)) {
      in.expect(2, "bias", channels);
    }
    if (in.has(3)) {
      Shape m = in.shape(3, "modulation", 3);
      in.require(x.rank() >= 2, "x " + x + " has no samples that could be modulated");
      in.require(
          m.dim(1) == 1 || m.dim(1) == 2,
          "modulation " + m + " has " + m.dim(1) + " parts, expected shift and scale, or scale");
      in.expect(3, "modulation", Shape.of(x.dim(0), m.dim(1), x.dim(-1)));
    }
    return Inference.of(in.get(0), in.get(0).full(Shape.of(x.elements() / x.dim(-1), 2)));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1, 2, 3);
  }

  private Launch launch(OpCall c, Fn fn) {
    return c.launch(fn, Struct.LAYER_NORM_PARAMS).f32(eps).flag(rms);
  }

  private static @Nullable Tensor wanted(OpCall c, int i) {
    return c.optional(i) != null && c.wants(i) ? c.dIn(i) : null;
  }

  @Override
  public void forward(OpCall c) {
    launch(c, Fn.LAYER_NORM_FWD)
        .run(c.in(0), c.optional(1), c.optional(2), c.optional(3), c.out(0), c.saved(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor x = c.in(0);
    Tensor dx = c.dIn(0);
    if (dx == null) {
      dx = c.temporary(x.shape(), x.dtype());
    }
    Tensor dweight = wanted(c, 1);
    Tensor dbias = wanted(c, 2);
    Tensor dmodulation = wanted(c, 3);
    launch(c, Fn.LAYER_NORM_BWD)
        .run(
            c.dOut(0),
            x,
            c.optional(1),
            c.optional(2),
            c.optional(3),
            c.saved(0),
            c.gradientSoFar(0),
            dx,
            dweight,
            dbias,
            dmodulation);
  }
}
