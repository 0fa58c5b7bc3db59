package io.github.eqvae.op;

import static io.github.eqvae.op.ErrorBound.U;
import static io.github.eqvae.op.ErrorBound.U16;
import static io.github.eqvae.op.ErrorBound.flat;
import static io.github.eqvae.op.ErrorBound.gamma;
import static io.github.eqvae.op.ErrorBound.max;

import io.github.eqvae.op.ErrorBound.Bounds;
import io.github.eqvae.tensor.Shape;

/** The bounds of transformers' operations. Derivations: docs/numerics.md, section "Ops". */
final class TransformerBounds {
  private TransformerBounds() {}

  /** The error of σ(2w) is that of e^(−2w), whose argument is known to γ(6) of itself. */
  static ErrorBound gelu(boolean tanh) {
    return (c, s, exact, ref) -> {
      double[] x = s.inputs()[0];
      double[] y = new double[x.length];
      double[] dx = new double[x.length];
      for (int i = 0; i < x.length; i++) {
        double a = Math.abs(x[i]);
        double slope = 1.6 * (1 + 0.14 * a * a); // of 2w; w is below a·slope
        double k = tanh ? 12 + 8 * a * slope : 16 + 4 * a * a;
        y[i] = tanh ? gamma(k) * Math.abs(exact.y()[i]) : gamma(16) * a;
        dx[i] = gamma(k + 8) * (1 + a * (tanh ? slope : 1)) * Math.abs(s.seed()[i]);
      }
      return new Bounds(y, new double[][] {dx});
    };
  }

  /** A linear layer that ends with an activation, in single precision. */
  static ErrorBound activatedLinear() {
    ErrorBound single = (c, s, exact, ref) -> activatedLinear(c, s, ref, 0, 0);
    return single.withBf16((c, s, exact, ref) -> activatedLinear(c, s, ref, 0, 1.01 * U16));
  }

  /**
   * Sums z before the activation are off by γ(in + 2)·S, S the sum of magnitudes; slopes are at
   * most 1.13 and change by at most 0.9 per unit of z.
   *
   * @param product what each product of two factors is off beside that
   * @param stored the roundoff with which z and its gradient are stored
   */
  static Bounds activatedLinear(
      OpCase c, OpCase.Sample s, OpRunner ref, double product, double stored) {
    OpCase plain = new OpCase(c.name(), new Linear(), c.inputs(), c.oracle(), c.bound());
    double z = max(ref.run(plain, s.absolute()).y());
    double x = max(s.inputs()[0]);
    double w = max(s.inputs()[1]);
    double d = max(s.seed());
    double in = c.inputs().get(1).shape().dim(1);
    double out = c.inputs().get(1).shape().dim(0);
    double rows = s.inputs()[0].length / in;
    double ez = (gamma(in + 2) + product) * z + stored * z;
    double edz = d * (0.9 * ez + gamma(64) * 2.5 + stored * 1.13);
    double[][] all = new double[s.inputs().length][];
    all[0] = flat(s.inputs()[0], out * w * (edz + (gamma(out + 2) + product) * 1.13 * d));
    all[1] = flat(s.inputs()[1], rows * x * (edz + (gamma(rows + 2) + product) * 1.13 * d));
    if (all.length > 2) {
      all[2] = flat(s.inputs()[2], rows * (edz + (gamma(rows + 2) + product) * 1.13 * d));
    }
    double y = 1.13 * ez + gamma(24) * (z + 2);
    return new Bounds(flat(new double[(int) c.output().elements()], y), all);
  }

  /** Attention's, of the three parts. */
  static ErrorBound selfAttention(SelfAttention op) {
    ErrorBound single =
        (c, s, exact, ref) ->
            joined(
                c,
                apart(c, s),
                (three, parts) ->
                    ErrorBounds.attention(op.heads(), op.rate()).of(three, parts, exact, ref));
    return single.withBf16(
        (c, s, exact, ref) -> selfAttentionRounded(c, s, single.of(c, s, exact, ref), U16));
  }

  /** As {@link ErrorBounds#attentionRounded}; dropout makes what is rounded larger. */
  static Bounds selfAttentionRounded(OpCase c, OpCase.Sample s, Bounds single, double u) {
    return joined(
        c,
        apart(c, s),
        (three, parts) -> {
          double[][] g = new double[3][];
          for (int part = 0; part < 3; part++) {
            g[part] = part(single.gradients()[0], part, three.output().size(2));
          }
          double rate = ((SelfAttention) c.op()).rate();
          return ErrorBounds.attentionRounded(
              three, parts, new Bounds(single.y(), g), u / (1 - rate));
        });
  }

  private static OpCase.Sample apart(OpCase c, OpCase.Sample s) {
    int width = c.output().size(2);
    double[][] parts = new double[3][];
    for (int part = 0; part < 3; part++) {
      parts[part] = part(s.inputs()[0], part, width);
    }
    return new OpCase.Sample(parts, s.seed());
  }

  private static double[] part(double[] whole, int part, int width) {
    double[] out = new double[whole.length / 3];
    for (int i = 0; i < out.length; i++) {
      out[i] = whole[(i / width * 3 + part) * width + i % width];
    }
    return out;
  }

  /** What a bound of three inputs says, as one of a single input. */
  private static Bounds joined(
      OpCase c,
      OpCase.Sample parts,
      java.util.function.BiFunction<OpCase, OpCase.Sample, Bounds> bound) {
    In each = In.of(c.output().extents());
    Attention op = new Attention(((SelfAttention) c.op()).heads());
    OpCase three =
        new OpCase(c.name(), op, java.util.List.of(each, each, each), c.oracle(), c.bound());
    Bounds b = bound.apply(three, parts);
    int width = c.output().size(2);
    double[] whole = new double[3 * b.y().length];
    for (int i = 0; i < whole.length; i++) {
      whole[i] = b.gradients()[i / width % 3][i / (3 * width) * width + i % width];
    }
    double[][] gradients = new double[c.inputs().size()][]; // a counter has none
    gradients[0] = whole;
    return new Bounds(b.y(), gradients);
  }

  /** As of group norm, with what modulation multiplies and adds. */
  static ErrorBound layerNorm(LayerNorm op) {
    return (c, s, exact, ref) -> {
      Shape shape = c.inputs().getFirst().shape();
      double n = shape.dim(-1);
      double[] x = s.inputs()[0];
      double rows = x.length / n;
      double ofSample = shape.rank() > 1 ? rows / shape.dim(0) : rows;
      double[] extremes = extremes(op, x, (int) n);
      double r = extremes[0];
      double xh = extremes[1];
      double e = gamma(2 * n + 10) * (1 + xh) * (max(x) * r + 1);
      double weight = present(c, 1) ? max(s.inputs()[1]) : 1;
      double bias = present(c, 2) ? max(s.inputs()[2]) : 0;
      double modulation = present(c, 3) ? max(s.inputs()[3]) : 0;
      double scale = 1 + modulation;
      double u = weight * xh + bias;
      double eu = weight * e + 6 * U * u;
      double d = max(s.seed());
      double g = scale * weight * d;
      double dx =
          r
              * ((2 + xh * xh) * 4 * U * g
                  + 2 * g * xh * e
                  + g * (2 + xh * xh) * gamma(2 * n + 10) * (1 + max(x) * r));
      double[][] all = new double[s.inputs().length][];
      all[0] = flat(x, dx);
      if (present(c, 1)) {
        all[1] = flat(s.inputs()[1], rows * scale * d * (e + gamma(rows + 6) * xh));
      }
      if (present(c, 2)) {
        all[2] = flat(s.inputs()[2], rows * scale * d * gamma(rows + 6));
      }
      if (present(c, 3)) {
        double shift = gamma(ofSample + 4);
        all[3] = flat(s.inputs()[3], ofSample * d * Math.max(shift, eu + gamma(ofSample + 8) * u));
      }
      double y = scale * eu + 6 * U * (scale * u + modulation);
      return new Bounds(flat(exact.y(), y), all);
    };
  }

  private static boolean present(OpCase c, int input) {
    return input < c.inputs().size() && !c.inputs().get(input).isAbsent();
  }

  /** The largest rstd and the largest normalised value of all rows. */
  private static double[] extremes(LayerNorm op, double[] x, int n) {
    double r = 0;
    double xh = 0;
    for (int row = 0; row < x.length; row += n) {
      double mean = 0;
      double squares = 0;
      for (int i = row; i < row + n && !op.rms(); i++) {
        mean += x[i] / n;
      }
      double largest = 0;
      for (int i = row; i < row + n; i++) {
        squares += (x[i] - mean) * (x[i] - mean) / n;
        largest = Math.max(largest, Math.abs(x[i] - mean));
      }
      double rstd = 1 / Math.sqrt(squares + op.eps());
      r = Math.max(r, rstd);
      xh = Math.max(xh, largest * rstd);
    }
    return new double[] {r, xh};
  }

  static ErrorBound gatedUnit() {
    return (c, s, exact, ref) -> {
      int half = c.output().size(-1);
      double[] y = new double[exact.y().length];
      double[] dx = new double[2 * y.length];
      for (int i = 0; i < y.length; i++) {
        int at = i + i / half * half;
        double a = s.inputs()[0][at];
        double b = s.inputs()[0][at + half];
        double d = Math.abs(s.seed()[i]);
        y[i] = gamma(9) * Math.abs(exact.y()[i]);
        dx[at] = gamma(10) * (1 + Math.abs(a)) * Math.abs(b) * d;
        dx[at + half] = gamma(9) * Math.abs(exact.gradients()[0][at + half]);
      }
      return new Bounds(y, new double[][] {dx});
    };
  }

  /** Two products of either sign are added. */
  static ErrorBound rope() {
    return (c, s, exact, ref) -> {
      double factor =
          gamma(3)
              * (max(s.inputs()[1]) * max(s.inputs()[0]) + max(s.inputs()[2]) * max(s.inputs()[0]));
      double back =
          gamma(3) * (max(s.inputs()[1]) * max(s.seed()) + max(s.inputs()[2]) * max(s.seed()));
      return new Bounds(
          flat(exact.y(), factor), new double[][] {flat(s.inputs()[0], back), null, null});
    };
  }

  /** Rows are copied; a row's gradient is a sum over those that took it. */
  static ErrorBound embedding() {
    return (c, s, exact, ref) -> {
      double[] sums = ref.run(c, s.absolute()).gradients()[0];
      double places = s.inputs()[1].length;
      double[] d = new double[sums.length];
      for (int i = 0; i < d.length; i++) {
        d[i] = gamma(places) * sums[i];
      }
      return new Bounds(new double[exact.y().length], new double[][] {d, null});
    };
  }

  /** Computed in double and rounded once. */
  static ErrorBound timestepEmbedding() {
    return (c, s, exact, ref) -> {
      double[] dt = new double[s.inputs()[0].length];
      int width = s.seed().length / dt.length;
      for (int i = 0; i < s.seed().length; i++) {
        dt[i / width] += gamma(2) * Math.abs(s.seed()[i]);
      }
      return new Bounds(flat(exact.y(), gamma(2)), new double[][] {dt});
    };
  }

  static ErrorBound sampleError() {
    return (c, s, exact, ref) -> {
      int samples = exact.y().length;
      int values = s.inputs()[0].length / samples;
      double[] y = new double[samples];
      double[] d = new double[s.inputs()[0].length];
      for (int i = 0; i < d.length; i++) {
        int n = i / values;
        double w = s.inputs().length > 2 ? Math.abs(s.inputs()[2][n]) : 1;
        double size = Math.abs(s.inputs()[0][i]) + Math.abs(s.inputs()[1][i]);
        y[n] += gamma(values + 6) * w * size * size / values;
        d[i] = gamma(6) * 2 * w * size * Math.abs(s.seed()[n]) / values;
      }
      return new Bounds(y, new double[][] {d, d, null});
    };
  }
}
