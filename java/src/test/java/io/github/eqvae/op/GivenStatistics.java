package io.github.eqvae.op;

import static io.github.eqvae.op.ErrorBound.U;
import static io.github.eqvae.op.ErrorBound.gamma;

import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Mean and 1/std of a norm as errors that all results of a set (a group of a sample, or a channel
 * of a batch) have in common. Off by δ and by the factor 1 + ρ, they move a result by
 * gamma·slope·(ρ·x̂ − δ/std), x̂ the normalised value and slope that of the activation. The mean of
 * n values is off by at most γ(n + 2) of the largest |x − shift|, which is at most twice the
 * largest |x − mean|; the sum of squares by γ(n + 4) of Σ(x − shift)² ≤ n·(variance + 4·max(x −
 * mean)²), of which the root makes half.
 */
final class GivenStatistics implements RunningError.Rounded {
  private final Tensor values;
  private final Norm norm;

  private GivenStatistics(Tensor values, Norm norm) {
    this.values = values;
    this.norm = norm;
  }

  static GivenStatistics of(Op op, Tensor y, double[][] inputs) {
    return new GivenStatistics(y, new Norm(op, y.shape(), inputs));
  }

  /** What a norm and the activation in it round on their own: a few operations, and exp. */
  static ErrorBound ownRounding() {
    return (c, s, exact, ref) -> {
      Norm norm = new Norm(c.op(), c.inputs().getFirst().shape(), s.inputs());
      double[] out = new double[exact.y().length];
      for (int i = 0; i < out.length; i++) {
        double size = norm.size(i);
        out[i] = gamma(8) * size + (norm.silu ? 8 * U * (1 + size) : 0);
      }
      return new ErrorBound.Bounds(out, new double[0][]);
    };
  }

  @Override
  public Tensor values() {
    return values;
  }

  @Override
  public double squares(double[] slope) {
    double[] byMean = new double[norm.sets];
    double[] byScale = new double[norm.sets];
    for (int i = 0; i < slope.length; i++) {
      int s = norm.set(i);
      double g = slope[i] * norm.slope(i);
      byMean[s] += g * norm.rstd[s];
      byScale[s] += g * norm.normalized(i);
    }
    double sum = 0;
    for (int s = 0; s < norm.sets; s++) {
      double most = norm.largest[s] * norm.rstd[s];
      double delta = gamma(norm.n + 2) * 2 * norm.largest[s];
      double rho = 0.5 * gamma(norm.n + 4) * (1 + 4 * most * most) + 2 * U;
      double both = Math.abs(byMean[s]) * delta + Math.abs(byScale[s]) * rho;
      sum += both * both;
    }
    return sum;
  }

  /** A norm's values in double precision. */
  private static final class Norm {
    final boolean silu;
    final int n;
    final int sets;
    final double[] rstd;
    final double[] largest;
    private final double[] mean;
    private final double[] x;
    private final double[] gamma;
    private final double[] beta;
    private final int channels;
    private final int sample;
    private final int groups;

    Norm(Op op, Shape shape, double[][] inputs) {
      x = inputs[0];
      gamma = inputs[1];
      beta = inputs[2];
      channels = shape.size(3);
      boolean batch = op instanceof BatchNorm;
      if (op instanceof BatchNorm b && !b.training()) {
        throw new IllegalArgumentException("given statistics are not rounded");
      }
      silu = op instanceof GroupNorm g && g.silu();
      groups = op instanceof GroupNorm g ? g.groups() : channels;
      sample = batch ? x.length : shape.size(1) * shape.size(2) * channels;
      sets = x.length / sample * groups;
      n = x.length / sets;
      double eps = op instanceof GroupNorm g ? g.eps() : ((BatchNorm) op).eps();
      mean = new double[sets];
      largest = new double[sets];
      rstd = new double[sets];
      for (int i = 0; i < x.length; i++) {
        mean[set(i)] += x[i] / n;
      }
      for (int i = 0; i < x.length; i++) {
        double centred = x[i] - mean[set(i)];
        largest[set(i)] = Math.max(largest[set(i)], Math.abs(centred));
        rstd[set(i)] += centred * centred / n;
      }
      for (int s = 0; s < sets; s++) {
        rstd[s] = 1 / Math.sqrt(rstd[s] + eps);
      }
    }

    int set(int i) {
      return i / sample * groups + i % channels / (channels / groups);
    }

    double normalized(int i) {
      return (x[i] - mean[set(i)]) * rstd[set(i)];
    }

    /** |gamma·x̂| + |beta|. */
    double size(int i) {
      return Math.abs(gamma[i % channels] * normalized(i)) + Math.abs(beta[i % channels]);
    }

    /** Of the result by the normalised value. */
    double slope(int i) {
      double z = gamma[i % channels] * normalized(i) + beta[i % channels];
      double sigma = 1 / (1 + Math.exp(-z));
      return gamma[i % channels] * (silu ? sigma * (1 + z * (1 - sigma)) : 1);
    }
  }
}
