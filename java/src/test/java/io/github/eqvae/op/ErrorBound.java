package io.github.eqvae.op;

import java.util.Arrays;

/**
 * What rounding in single precision may cost: the bounds of docs/numerics.md, section "Ops". u =
 * 2⁻²⁴ is the unit roundoff; a chain of k roundings costs at most γ(k) = k·u/(1 − k·u) of the sum
 * of the magnitudes.
 */
@FunctionalInterface
interface ErrorBound {
  /** Half the distance from 1 to the next float. */
  double U = 0x1p-24;

  /** Half the distance from 1 to the next bf16. */
  double U16 = 0x1p-8;

  /**
   * Bounds, one per element.
   *
   * @param y of the output
   * @param gradients per input; unused where the case gives none
   */
  record Bounds(double[] y, double[][] gradients) {}

  /**
   * The bounds for one sample.
   *
   * @param c the case
   * @param s its numbers
   * @param exact what the reference computes from them
   * @param ref computes on the reference, for sums of magnitudes
   */
  Bounds of(OpCase c, OpCase.Sample s, OpRunner.Result exact, OpRunner ref);

  /**
   * The bound where activations are bf16, but for the rounding of results that are stored so.
   *
   * @return the same, unless the operation rounds something between
   */
  default ErrorBound inBf16() {
    return this;
  }

  /** This bound, with another one where activations are bf16. */
  default ErrorBound withBf16(ErrorBound half) {
    return new ErrorBound() {
      @Override
      public Bounds of(OpCase c, OpCase.Sample s, OpRunner.Result exact, OpRunner ref) {
        return ErrorBound.this.of(c, s, exact, ref);
      }

      @Override
      public ErrorBound inBf16() {
        return half;
      }
    };
  }

  /** Exact results. */
  ErrorBound EXACT = multiple(0, 0);

  static double gamma(double k) {
    return k * U / (1 - k * U);
  }

  private static double[] times(double k, double[] values) {
    return Arrays.stream(values).map(v -> k * Math.abs(v)).toArray();
  }

  /**
   * Elementwise operations: γ(k) of the result itself; also where the result is a product or one of
   * the inputs.
   */
  static ErrorBound multiple(int forward, int backward) {
    return (c, s, exact, ref) -> {
      double[][] g = new double[s.inputs().length][];
      for (int i = 0; i < g.length; i++) {
        double[] gradient = exact.gradients()[i];
        g[i] = gradient == null ? null : times(gamma(backward), gradient);
      }
      return new Bounds(times(gamma(forward), exact.y()), g);
    };
  }

  /**
   * Sums of products without negative coefficients: γ(k) of the same sums over magnitudes, which
   * the reference gives.
   */
  static ErrorBound sums(long forward, long... backward) {
    return (c, s, exact, ref) -> {
      OpRunner.Result magnitudes = ref.run(c, s.absolute());
      double[][] g = new double[s.inputs().length][];
      for (int i = 0; i < g.length; i++) {
        double[] gradient = magnitudes.gradients()[i];
        g[i] = gradient == null ? null : times(gamma(backward[i]), gradient);
      }
      return new Bounds(times(gamma(forward), magnitudes.y()), g);
    };
  }

  /** The same number for all elements of a result. */
  static double[] flat(double[] like, double value) {
    double[] out = new double[like.length];
    Arrays.fill(out, value);
    return out;
  }

  /** The largest magnitude. */
  static double max(double[] values) {
    return Arrays.stream(values).map(Math::abs).max().orElse(0);
  }

  /** The sum of magnitudes. */
  static double sum(double[] values) {
    return Arrays.stream(values).map(Math::abs).sum();
  }
}
