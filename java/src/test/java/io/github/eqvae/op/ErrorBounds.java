package io.github.eqvae.op;

import static io.github.eqvae.op.ErrorBound.U;
import static io.github.eqvae.op.ErrorBound.U16;
import static io.github.eqvae.op.ErrorBound.flat;
import static io.github.eqvae.op.ErrorBound.gamma;
import static io.github.eqvae.op.ErrorBound.max;
import static io.github.eqvae.op.ErrorBound.sum;

import io.github.eqvae.op.ErrorBound.Bounds;
import io.github.eqvae.tensor.Shape;
import java.util.Arrays;

/**
 * The bounds of the operations that are no plain sums of products. Derivations: docs/numerics.md,
 * section "Ops".
 */
final class ErrorBounds {
  private ErrorBounds() {}

  static ErrorBound silu() {
    return (c, s, exact, ref) -> {
      double[] x = s.inputs()[0];
      double[] y = new double[x.length];
      double[] dx = new double[x.length];
      for (int i = 0; i < x.length; i++) {
        y[i] = gamma(8) * Math.abs(exact.y()[i]);
        dx[i] = gamma(8) * (1 + Math.abs(x[i])) * Math.abs(s.seed()[i]);
      }
      return new Bounds(y, new double[][] {dx});
    };
  }

  /**
   * Resampling: probes the matrix |W| with unit impulses, then sums of magnitudes as for any matrix
   * product.
   */
  static ErrorBound resample() {
    return (c, s, exact, ref) -> {
      Shape in = c.inputs().getFirst().shape();
      Shape out = c.output();
      int pixelsIn = (int) (in.dim(1) * in.dim(2));
      int pixelsOut = (int) (out.dim(1) * out.dim(2));
      OpCase probe =
          new OpCase(
              c.name(),
              c.op(),
              java.util.List.of(In.of(1, in.dim(1), in.dim(2), 1)),
              c.oracle(),
              c.bound());
      int channels = in.size(3);
      double[] y = new double[exact.y().length];
      double[] dx = new double[s.inputs()[0].length];
      for (int p = 0; p < pixelsIn; p++) {
        double[] impulse = new double[pixelsIn];
        impulse[p] = 1;
        double[] column =
            ref.run(probe, new OpCase.Sample(new double[][] {impulse}, new double[pixelsOut])).y();
        for (int q = 0; q < pixelsOut; q++) {
          for (int n = 0; n < in.size(0) && column[q] != 0; n++) {
            for (int ch = 0; ch < channels; ch++) {
              int i = (n * pixelsIn + p) * channels + ch;
              int o = (n * pixelsOut + q) * channels + ch;
              y[o] += Math.abs(column[q] * s.inputs()[0][i]);
              dx[i] += Math.abs(column[q] * s.seed()[o]);
            }
          }
        }
      }
      double k = gamma(in.dim(1) + in.dim(2) + out.dim(1) + out.dim(2) + 4);
      return new Bounds(
          Arrays.stream(y).map(v -> k * v).toArray(),
          new double[][] {Arrays.stream(dx).map(v -> k * v).toArray()});
    };
  }

  /** Values are picked; a pixel's gradient is a sum over the windows that picked it. */
  static ErrorBound maxPool(long windows) {
    return (c, s, exact, ref) -> {
      double[] seed = Arrays.stream(s.seed()).map(Math::abs).toArray();
      double[] sums = ref.run(c, new OpCase.Sample(s.inputs(), seed)).gradients()[0];
      double[] dx = Arrays.stream(sums).map(v -> gamma(windows) * v).toArray();
      return new Bounds(new double[exact.y().length], new double[][] {dx});
    };
  }

  /**
   * The nearest code is picked, not computed: exact, as long as the two smallest distances of every
   * vector differ by more than rounding can change them. A code's gradient is a sum over vectors.
   */
  static ErrorBound nearestCode() {
    return (c, s, exact, ref) -> {
      requireClearWinners(c, s);
      double[] seed = Arrays.stream(s.seed()).map(Math::abs).toArray();
      double[] sums = ref.run(c, new OpCase.Sample(s.inputs(), seed)).gradients()[1];
      double vectors = (double) s.inputs()[0].length / c.inputs().get(1).shape().dim(1);
      double[] de = Arrays.stream(sums).map(v -> gamma(vectors) * v).toArray();
      return new Bounds(
          new double[exact.y().length], new double[][] {new double[s.inputs()[0].length], de});
    };
  }

  /** Equal distances are no matter of rounding where all terms are small integers. */
  private static void requireClearWinners(OpCase c, OpCase.Sample s) {
    double[] z = s.inputs()[0];
    double[] codebook = s.inputs()[1];
    int d = c.inputs().get(1).shape().size(1);
    for (int n = 0; n < z.length; n += d) {
      double least = Double.POSITIVE_INFINITY;
      double next = Double.POSITIVE_INFINITY;
      double rounding = 0;
      for (int k = 0; k < codebook.length; k += d) {
        double score = 0;
        double size = 0;
        for (int i = 0; i < d; i++) {
          double e = codebook[k + i];
          score += e * e - 2 * z[n + i] * e;
          size += e * e + 2 * Math.abs(z[n + i] * e);
        }
        next = Math.min(next, Math.max(score, least));
        least = Math.min(least, score);
        rounding = Math.max(rounding, gamma(d + 2) * size);
      }
      if (!(next - least > 2 * rounding)) {
        throw new IllegalStateException(
            c.name() + ": the nearest code of vector " + n / d + " is a matter of rounding");
      }
    }
  }

  static ErrorBound affine() {
    return (c, s, exact, ref) -> {
      Shape out = c.output();
      double reads = out.dim(1) * out.dim(2);
      return new Bounds(
          flat(exact.y(), 32 * U * max(s.inputs()[0])),
          new double[][] {
            flat(
                s.inputs()[0],
                (8 + reads) * U * 2 * reads * max(s.seed()) / Math.max(1, Math.sqrt(reads))),
            null
          });
    };
  }

  /**
   * Group and batch normalisation; {@code n} elements share statistics, {@code m} elements share
   * gamma.
   */
  static ErrorBound norm(long n, long m, boolean silu, boolean training, double eps) {
    return (c, s, exact, ref) -> {
      double[] x = s.inputs()[0];
      double gamma = max(s.inputs()[1]);
      double xm = max(x);
      double r;
      double xh;
      if (training) {
        double[] rx = extremes(c, x, n, eps);
        r = rx[0];
        xh = rx[1];
      } else {
        r = 1 / Math.sqrt(Arrays.stream(s.inputs()[4]).min().orElseThrow() + eps);
        xm = Math.max(xm, max(s.inputs()[3]));
        xh = 2 * xm * r;
      }
      double e = gamma(2 * n + 10) * (1 + xh) * (xm * r + 1);
      double z = gamma * xh + max(s.inputs()[2]);
      double ez = gamma * e + 4 * U * z;
      double d = max(s.seed());
      double slope = silu ? 1.1 : 1;
      double ed = silu ? d * (0.5 * ez + 8 * U * (1 + z)) : 0;
      double g = slope * gamma * d;
      double eg = gamma * ed + 2 * U * g;
      double dx =
          r
              * ((2 + xh * xh) * eg
                  + 2 * g * xh * e
                  + g * (2 + xh * xh) * gamma(2 * n + 10) * (1 + xm * r));
      double dgamma = m * (slope * d * e + ed * xh + gamma(m + 4) * slope * d * xh);
      double dbeta = m * (ed + gamma(m + 4) * slope * d);
      double[][] all = new double[s.inputs().length][];
      all[0] = flat(x, dx);
      all[1] = flat(s.inputs()[1], dgamma);
      all[2] = flat(s.inputs()[2], dbeta);
      return new Bounds(flat(exact.y(), slope * ez + (silu ? 8 * U * z : 0)), all);
    };
  }

  /** The largest 1/√(var + eps) and the largest normalised value over all groups. */
  private static double[] extremes(OpCase c, double[] x, long n, double eps) {
    Shape shape = c.inputs().getFirst().shape();
    int channels = shape.size(3);
    int pixels = shape.size(1) * shape.size(2);
    boolean batch = c.op() instanceof BatchNorm;
    int width = batch ? 1 : (int) (n / pixels);
    int groups = channels / width;
    int sets = batch ? channels : shape.size(0) * groups;
    double[] sums = new double[sets];
    double[] squares = new double[sets];
    double[] largest = new double[sets];
    for (int pass = 0; pass < 2; pass++) {
      for (int i = 0; i < x.length; i++) {
        int group = i % channels / width;
        int set = batch ? group : i / (channels * pixels) * groups + group;
        if (pass == 0) {
          sums[set] += x[i];
        } else {
          double centred = x[i] - sums[set] / n;
          squares[set] += centred * centred;
          largest[set] = Math.max(largest[set], Math.abs(centred));
        }
      }
    }
    double r = 0;
    double xh = 0;
    for (int i = 0; i < sets; i++) {
      double rstd = 1 / Math.sqrt(squares[i] / n + eps);
      r = Math.max(r, rstd);
      xh = Math.max(xh, largest[i] * rstd);
    }
    return new double[] {r, xh};
  }

  static ErrorBound attention(int heads) {
    return attention(heads, 0);
  }

  /** With dropout: weights that stay are multiplied by a rounded factor. */
  static ErrorBound attention(int heads, double rate) {
    double factor = 1 / (1 - rate);
    ErrorBound single =
        (c, s, exact, ref) -> {
          Shape q = c.inputs().getFirst().shape();
          long t = q.dim(1);
          long keys = c.inputs().get(1).shape().dim(1);
          double d = q.dim(2) / (double) heads;
          double scale = 1 / Math.sqrt(d);
          double qm = max(s.inputs()[0]);
          double km = max(s.inputs()[1]);
          double vm = factor * max(s.inputs()[2]);
          double om = max(s.seed());
          double scores = scale * d * qm * km;
          double p = 2 * gamma(d + 2) * scores + gamma(keys + 8) * (1 + scores);
          p += rate > 0 ? gamma(2) : 0;
          double ds = 2 * d * om * vm;
          double eds = ds * (3 * p + gamma(2 * d + 8));
          return new Bounds(
              flat(exact.y(), (p + gamma(keys)) * vm),
              new double[][] {
                flat(s.inputs()[0], scale * km * (eds + gamma(keys + 2) * ds)),
                flat(s.inputs()[1], scale * qm * t * (eds + gamma(t + 2) * ds)),
                flat(s.inputs()[2], factor * t * om * (p + gamma(t)))
              });
        };
    return single.withBf16(
        (c, s, exact, ref) -> attentionRounded(c, s, single.of(c, s, exact, ref), U16));
  }

  /**
   * What bf16 adds to attention's bound before its results are stored: the output o is known to one
   * rounding when Σ do·o is taken from it; probabilities P and their gradients dS are rounded
   * before they are multiplied. With m = Σ P·|v|, o is off by 2u·m, hence dS by
   * u·scale·P·(2·Σ|do|·m + 2·|dP| + …); second-order terms are within a twentieth. The same where
   * only factors are rounded, by u, and o need not be stored so.
   */
  static Bounds attentionRounded(OpCase c, OpCase.Sample s, Bounds single, double rounding) {
    double u = 1.05 * rounding;
    Shape q = c.inputs().getFirst().shape();
    int heads = ((Attention) c.op()).heads();
    int n = q.size(0);
    int tokens = q.size(1);
    int width = q.size(2);
    int keys = c.inputs().get(1).shape().size(1);
    int dim = width / heads;
    double scale = 1 / Math.sqrt(dim);
    double[] qs = s.inputs()[0];
    double[] ks = s.inputs()[1];
    double[] vs = s.inputs()[2];
    double[] dos = s.seed();
    double[] y = single.y().clone();
    double[] dq = single.gradients()[0].clone();
    double[] dk = single.gradients()[1].clone();
    double[] dv = single.gradients()[2].clone();
    double[] p = new double[keys];
    double[] m = new double[dim];
    for (int row = 0; row < n * heads * tokens; row++) {
      int batch = row / (heads * tokens);
      int head = row / tokens % heads;
      int t = (batch * tokens + row % tokens) * width + head * dim;
      double most = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < keys; j++) {
        int k = (batch * keys + j) * width + head * dim;
        p[j] = 0;
        for (int d = 0; d < dim; d++) {
          p[j] += scale * qs[t + d] * ks[k + d];
        }
        most = Math.max(most, p[j]);
      }
      double total = 0;
      for (int j = 0; j < keys; j++) {
        p[j] = Math.exp(p[j] - most);
        total += p[j];
      }
      Arrays.fill(m, 0);
      for (int j = 0; j < keys; j++) {
        p[j] /= total;
        for (int d = 0; d < dim; d++) {
          m[d] += p[j] * Math.abs(vs[(batch * keys + j) * width + head * dim + d]);
        }
      }
      double delta = 0; // of Σ |do|·m
      for (int d = 0; d < dim; d++) {
        delta += Math.abs(dos[t + d]) * m[d];
        y[t + d] += u * m[d];
      }
      for (int j = 0; j < keys; j++) {
        int k = (batch * keys + j) * width + head * dim;
        double dp = 0;
        for (int d = 0; d < dim; d++) {
          dp += Math.abs(dos[t + d] * vs[k + d]);
        }
        double ds = u * scale * p[j] * (2 * delta + 2 * (dp + delta));
        for (int d = 0; d < dim; d++) {
          dq[t + d] += ds * Math.abs(ks[k + d]);
          dk[k + d] += ds * Math.abs(qs[t + d]);
          dv[k + d] += u * p[j] * Math.abs(dos[t + d]);
        }
      }
    }
    return new Bounds(y, new double[][] {dq, dk, dv});
  }

  static ErrorBound gaussianSample() {
    return (c, s, exact, ref) -> {
      double[] dm = exact.gradients()[0];
      double[] y = new double[exact.y().length];
      int channels = c.output().size(3);
      for (int i = 0; i < y.length; i++) {
        double mean = s.inputs()[0][i / channels * 2 * channels + i % channels];
        y[i] = gamma(6) * (Math.abs(mean) + Math.abs(exact.y()[i] - mean));
      }
      return new Bounds(
          y, new double[][] {Arrays.stream(dm).map(v -> gamma(8) * Math.abs(v)).toArray(), null});
    };
  }

  static ErrorBound gaussianKl() {
    return (c, s, exact, ref) -> {
      double[] m = s.inputs()[0];
      int channels = c.inputs().getFirst().shape().size(3) / 2;
      long n = c.inputs().getFirst().shape().dim(0);
      double total = 0;
      double[] dm = new double[m.length];
      for (int i = 0; i < m.length; i++) {
        boolean mean = i % (2 * channels) < channels;
        double log = Math.clamp(m[i], -30, 20);
        total += mean ? m[i] * m[i] : Math.exp(log) + 1 + Math.abs(log);
        dm[i] = gamma(6) * Math.abs(s.seed()[0]) / n * (mean ? Math.abs(m[i]) : Math.exp(log) + 1);
      }
      return new Bounds(new double[] {gamma(m.length + 8) * total / (2 * n)}, new double[][] {dm});
    };
  }

  /** Pixel and adversarial losses: {@code power} is the degree of a term. */
  static ErrorBound loss(double scale, int power) {
    return (c, s, exact, ref) -> {
      double total = 0;
      double[] d = new double[s.inputs()[0].length];
      for (int i = 0; i < d.length; i++) {
        double size = 1 + Math.abs(s.inputs()[0][i]);
        size += s.inputs().length > 1 ? Math.abs(s.inputs()[1][i]) : 0;
        total += Math.pow(size, power);
        d[i] = gamma(8) * Math.abs(scale * s.seed()[0]) * 2 * Math.pow(size, power - 1);
      }
      double[][] all = new double[s.inputs().length][];
      Arrays.fill(all, d);
      return new Bounds(new double[] {gamma(d.length + 8) * Math.abs(scale) * total}, all);
    };
  }

  static ErrorBound lpipsHead() {
    return (c, s, exact, ref) -> {
      Shape f = c.inputs().getFirst().shape();
      double pixels = f.dim(1) * f.dim(2);
      double channels = f.dim(3);
      double w = max(s.inputs()[2]);
      double unit = gamma(channels / 2 + 6);
      double y = w * (8 * unit + 4 * gamma(channels + pixels + 8));
      double common =
          max(s.seed()) / pixels * w * 4 * (2 * channels + 2) * gamma(2 * channels + 24);
      return new Bounds(
          flat(exact.y(), y),
          new double[][] {
            flat(s.inputs()[0], common / smallestNorm(s.inputs()[0], (int) channels)),
            flat(s.inputs()[1], common / smallestNorm(s.inputs()[1], (int) channels)),
            null
          });
    };
  }

  private static double smallestNorm(double[] f, int channels) {
    double least = Double.POSITIVE_INFINITY;
    for (int i = 0; i < f.length; i += channels) {
      double square = 0;
      for (int k = 0; k < channels; k++) {
        square += f[i + k] * f[i + k];
      }
      least = Math.min(least, Math.sqrt(square));
    }
    return least;
  }

  static ErrorBound total(double scale, long n) {
    return (c, s, exact, ref) ->
        new Bounds(
            new double[] {gamma(n + 2) * Math.abs(scale) * sum(s.inputs()[0])},
            new double[][] {flat(s.inputs()[0], gamma(4) * Math.abs(scale * s.seed()[0]))});
  }

  /**
   * A convolution and what follows it. {@code inward} terms make a result, {@code outward} a
   * pixel's gradient, {@code pixels} a weight's.
   */
  static ErrorBound conv(Conv2d op, long inward, long outward, long pixels) {
    return (c, s, exact, ref) -> {
      long k = inward + 4;
      if (op.activation().kind() != Activation.Kind.SILU) {
        return ErrorBound.sums(k, outward + 4, pixels + 4, pixels + 4, 4).of(c, s, exact, ref);
      }
      long g = (long) Math.ceil(2 * (8 + k) * (1 + largestBeforeSilu(c, s, ref)));
      return ErrorBound.sums(3 * (k + 8), of(outward, g), of(pixels, g), of(pixels, g), of(1, g))
          .of(c, s, exact, ref);
    };
  }

  private static long of(long terms, long silu) {
    return 3 * (terms + 4) + silu;
  }

  /** SiLU of a sum of magnitudes is at least half of it. */
  static double largestBeforeSilu(OpCase c, OpCase.Sample s, OpRunner ref) {
    return 2 * max(ref.run(c, s.absolute()).y());
  }

  /**
   * The gradient before a leaky ReLU or SiLU is stored in bf16, and for SiLU so is what went in.
   */
  static ErrorBound convInBf16(ErrorBound single) {
    return single.withBf16(
        (c, s, exact, ref) -> convInBf16(c, s, single.of(c, s, exact, ref), ref));
  }

  private static Bounds convInBf16(OpCase c, OpCase.Sample s, Bounds single, OpRunner ref) {
    double u = 1.01 * U16;
    double times =
        switch (((Conv2d) c.op()).activation().kind()) {
          case IDENTITY, RELU -> 0;
          case LEAKY_RELU -> u;
          case SILU -> u * (2.2 + largestBeforeSilu(c, s, ref));
          case GELU_TANH, GELU -> throw new IllegalArgumentException("no convolution's");
        };
    OpRunner.Result magnitudes = ref.run(c, s.absolute());
    double[][] gradients = single.gradients().clone();
    for (int i = 0; i < gradients.length && times > 0; i++) {
      double[] wider = gradients[i].clone();
      for (int j = 0; j < wider.length; j++) {
        wider[j] += times * magnitudes.gradients()[i][j];
      }
      gradients[i] = wider;
    }
    return new Bounds(single.y(), gradients);
  }

  /** Sums of up to four weights are rounded to bf16 before they are multiplied. */
  static ErrorBound upsampleConvInBf16(ErrorBound single) {
    return single.withBf16(
        (c, s, exact, ref) -> upsampleConvInBf16(c, s, single.of(c, s, exact, ref), ref));
  }

  private static Bounds upsampleConvInBf16(OpCase c, OpCase.Sample s, Bounds single, OpRunner ref) {
    OpRunner.Result magnitudes = ref.run(c, s.absolute());
    double u = 1.01 * U16;
    double[] y = single.y().clone();
    for (int i = 0; i < y.length; i++) {
      y[i] += u * magnitudes.y()[i];
    }
    double[][] gradients = single.gradients().clone();
    double[] dx = gradients[0].clone();
    for (int i = 0; i < dx.length; i++) {
      dx[i] += u * magnitudes.gradients()[0][i];
    }
    gradients[0] = dx;
    return new Bounds(y, gradients);
  }
}
