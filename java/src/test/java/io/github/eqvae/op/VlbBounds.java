package io.github.eqvae.op;

import static io.github.eqvae.op.ErrorBound.gamma;

import io.github.eqvae.op.ErrorBound.Bounds;

/**
 * What rounding may cost {@link GaussianVlb}, propagated through its formula number by number to
 * first order (docs/numerics.md, section "Ops"). exp, log and tanh are off by 4 units at most.
 */
final class VlbBounds {
  private static final double BIN = 1 / 255.0;

  /** A value and how far it may be off. */
  private record Off(double value, double error) {
    Off plus(Off b) {
      double v = value + b.value;
      return new Off(v, error + b.error + gamma(1) * Math.abs(v));
    }

    Off minus(Off b) {
      return plus(b.times(-1));
    }

    Off times(Off b) {
      double e = error * Math.abs(b.value) + Math.abs(value) * b.error + error * b.error;
      return new Off(value * b.value, e + gamma(1) * Math.abs(value * b.value));
    }

    Off times(double exact) {
      return times(exact(exact));
    }

    /** The divisor must be known to be no 0. */
    Off over(Off b) {
      double least = Math.abs(b.value) - b.error;
      double q = value / b.value;
      return new Off(q, (error + Math.abs(q) * b.error) / least + gamma(1) * Math.abs(q));
    }

    Off exp() {
      double e = Math.exp(value);
      return new Off(e, e * (Math.expm1(error) + gamma(4)));
    }
  }

  /** The distribution that is nearly normal, and its density. */
  private record Normal(Off distribution, Off density) {
    /** tanh changes by less than its argument; 1 − tanh² is a difference of numbers near 1. */
    static Normal at(Off x) {
      Off cube = x.times(x).times(x).times(exact(0.044715));
      Off w = x.plus(cube).times(rounded(Math.sqrt(2 / Math.PI)));
      double value = Math.tanh(w.value);
      double slope = 1 - value * value;
      // The slope changes by at most 0.77 per unit, so this holds beyond first order.
      double error = (slope + w.error) * w.error + gamma(4) * Math.abs(value);
      Off t = new Off(value, error);
      Off one = exact(1);
      Off outer = one.plus(x.times(x).times(rounded(0.134145)));
      return new Normal(
          one.plus(t).times(0.5),
          one.minus(t.times(t)).times(0.5).times(outer.times(rounded(Math.sqrt(2 / Math.PI)))));
    }
  }

  private record Term(Off value, Off said, Off variance) {
    /** The errors are to first order, so those of double are so many times smaller. */
    Term inDouble() {
      return new Term(finer(value), finer(said), finer(variance));
    }

    private static Off finer(Off x) {
      return new Off(x.value, x.error * 0x1p-29);
    }
  }

  private VlbBounds() {}

  private static Off exact(double value) {
    return new Off(value, 0);
  }

  private static Off rounded(double value) {
    return new Off(value, gamma(1) * Math.abs(value));
  }

  private static Term term(double[] row, double said, double v, double start, double noisy) {
    Off part = exact(v).plus(exact(1)).times(0.5);
    Off log = part.times(row[6]).plus(exact(1).minus(part).times(row[5]));
    Off slope = exact(row[6]).minus(exact(row[5])).times(0.5);
    Off guess = exact(row[0]).times(noisy).plus(exact(row[1]).times(said));
    Off meanSlope = exact(row[2]).times(row[1]);
    Off towards = exact(row[3]).times(noisy);
    Off mean = guess.times(row[2]).plus(towards);
    if (row[7] > 0) {
      return decoder(start, mean, log, meanSlope, slope);
    }
    Off apart = exact(row[2]).times(start).plus(towards).minus(mean);
    Off ratio = exact(row[4]).minus(log).exp();
    Off precision = log.times(-1).exp();
    Off squares = apart.times(apart).times(precision);
    return new Term(
        exact(-1).plus(log).minus(exact(row[4])).plus(ratio).plus(squares).times(0.5),
        apart.times(precision).times(meanSlope),
        exact(1).minus(ratio).minus(squares).times(0.5).times(slope));
  }

  private static Term decoder(double start, Off mean, Off log, Off meanSlope, Off slope) {
    Off apart = exact(start).minus(mean);
    Off inverse = log.times(-0.5).exp();
    Off high = inverse.times(apart.plus(rounded(BIN)));
    Off low = inverse.times(apart.minus(rounded(BIN)));
    Normal above = Normal.at(high);
    Normal below = Normal.at(low);
    Off mass = above.distribution.minus(below.distribution);
    Off density = above.density.minus(below.density);
    Off moment = high.times(above.density).minus(low.times(below.density));
    if (start < -0.999) {
      mass = above.distribution;
      density = above.density;
      moment = high.times(above.density);
    } else if (start > 0.999) {
      mass = exact(1).minus(below.distribution);
      density = below.density;
      moment = low.times(below.density);
    }
    double bits = -Math.log(mass.value);
    double error = mass.error / (mass.value - mass.error) + gamma(4) * Math.abs(bits);
    return new Term(
        new Off(bits, error),
        inverse.times(density).over(mass).times(meanSlope),
        moment.times(0.5).over(mass).times(slope));
  }

  static ErrorBound of() {
    return (c, s, exact, ref) -> {
      double[] said = s.inputs()[0];
      boolean variance = !c.inputs().get(1).isAbsent();
      int samples = exact.y().length;
      int values = said.length / samples;
      double[] y = new double[samples];
      double[] dSaid = new double[said.length];
      double[] dVariance = new double[said.length];
      for (int i = 0; i < said.length; i++) {
        int n = i / values;
        double[] row =
            java.util.Arrays.copyOfRange(
                s.inputs()[4], n * GaussianVlb.COLUMNS, (n + 1) * GaussianVlb.COLUMNS);
        double v = variance ? s.inputs()[1][i] : -1;
        Term single = term(row, said[i], v, s.inputs()[2][i], s.inputs()[3][i]);
        Term t = row[7] > GaussianVlb.FIRST_STEP ? single.inDouble() : single;
        double share = 1 / (values * Math.log(2));
        // Sums are made in double, or, on ref, of so many terms.
        y[n] += share * (t.value.error + gamma(4) * Math.abs(t.value.value));
        double seed = share * Math.abs(s.seed()[n]);
        dSaid[i] = seed * (t.said.error + gamma(4) * Math.abs(t.said.value));
        dVariance[i] = seed * (t.variance.error + gamma(4) * Math.abs(t.variance.value));
      }
      return new Bounds(y, new double[][] {dSaid, variance ? dVariance : null, null, null, null});
    };
  }
}
