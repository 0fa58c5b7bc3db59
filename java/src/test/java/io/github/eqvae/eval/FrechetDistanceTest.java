package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.tensor.Shape;
import io.github.eqvae.testing.TorchOracle;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FrechetDistanceTest {
  /** What is asked for; the closed forms and the oracle are good to far more digits. */
  private static final double RELATIVE = 1e-6;

  private static double[] normal(long seed, int n) {
    return new Random(seed).doubles(n, -1, 1).toArray();
  }

  /** QᵀDQ, Q a product of Householder reflections at random vectors: orthogonal by construction. */
  private static double[] rotated(double[] diagonal, long seed) {
    int d = diagonal.length;
    double[] m = new double[d * d];
    for (int i = 0; i < d; i++) {
      m[i * d + i] = diagonal[i];
    }
    for (int k = 0; k < 3; k++) {
      double[] v = normal(seed + k, d);
      double square = 0;
      for (double x : v) {
        square += x * x;
      }
      m = reflect(reflect(m, v, square, true), v, square, false);
    }
    return m;
  }

  private static double[] reflect(double[] m, double[] v, double square, boolean rows) {
    int d = v.length;
    double[] out = m.clone();
    for (int i = 0; i < d; i++) {
      double dot = 0;
      for (int j = 0; j < d; j++) {
        dot += v[j] * m[rows ? i * d + j : j * d + i];
      }
      for (int j = 0; j < d; j++) {
        out[rows ? i * d + j : j * d + i] -= 2 * dot * v[j] / square;
      }
    }
    return out;
  }

  private static void close(double expected, double actual, double scale) {
    assertEquals(expected, actual, RELATIVE * scale);
  }

  private static double sum(double[] values) {
    double total = 0;
    for (double v : values) {
      total += v;
    }
    return total;
  }

  /** Covariances that commute: ‖μ₁ − μ₂‖² + Σ(√a − √b)². */
  @Test
  void commutingCovariances() {
    for (int d : new int[] {1, 2, 5, 40}) {
      double[] a = new double[d];
      double[] b = new double[d];
      double[] m1 = normal(1, d);
      double[] m2 = normal(2, d);
      double expected = 0;
      for (int i = 0; i < d; i++) {
        a[i] = Math.pow(10, -i % 6) * (i + 1);
        b[i] = (i * 7 % 5) + 0.25;
        expected += Math.pow(m1[i] - m2[i], 2) + Math.pow(Math.sqrt(a[i]) - Math.sqrt(b[i]), 2);
      }
      double straight = FrechetDistance.between(m1, rotated(a, 9), m2, rotated(b, 9));
      close(expected, straight, expected);
      double[] zero = new double[d];
      double same = FrechetDistance.between(zero, rotated(a, 9), zero, rotated(a, 9));
      close(0, same, 1e-3 * sum(a)); // 10⁻⁹ of the traces that cancel
    }
  }

  /** Two dimensions: tr √M = √(tr M + 2√det M) with M = Σ₁Σ₂, for any two covariances. */
  @Test
  void covariancesThatDoNotCommute() {
    double[] s1 = {2, 0.9, 0.9, 0.5};
    double[] s2 = {1, -0.7, -0.7, 3};
    double trace = 2 * 1 + 2 * 0.9 * -0.7 + 0.5 * 3;
    double determinant = (2 * 0.5 - 0.81) * (1 * 3 - 0.49);
    double expected = 6.5 - 2 * Math.sqrt(trace + 2 * Math.sqrt(determinant));
    double[] mean = {0, 0};
    close(expected, FrechetDistance.between(mean, s1, mean, s2), expected);
    close(expected + 25, FrechetDistance.between(new double[] {3, -4}, s1, mean, s2), 25);
    assertEquals(
        FrechetDistance.between(mean, s1, mean, s2),
        FrechetDistance.between(mean, s2, mean, s1),
        1e-12);
  }

  /** The textbook way: the eigenvalues of Σ₁Σ₂, not symmetric, by libtorch. */
  @Test
  @SuppressWarnings("try") // the scope frees what is made inside it
  void agreesWithTheEigenvaluesOfTheProduct() {
    int d = 96;
    double[] a = new double[d];
    double[] b = new double[d];
    for (int i = 0; i < d; i++) {
      a[i] = Math.pow(10, -4.0 * i / d); // a condition of 10⁴ each, 10⁸ for the product
      b[i] = 2 * Math.pow(10, -4.0 * (d - i) / d);
    }
    double[] s1 = rotated(a, 20);
    double[] s2 = rotated(b, 30);
    double[] mean = new double[d];
    double root = 0;
    try (PointerScope scope = new PointerScope()) {
      Tensor t1 = TorchOracle.tensor(s1, Shape.of(d, d), true);
      Tensor t2 = TorchOracle.tensor(s2, Shape.of(d, d), true);
      for (double e : TorchOracle.values(torch.real(torch.linalg_eigvals(t1.matmul(t2))))) {
        root += Math.sqrt(Math.max(0, e));
      }
    }
    double expected = sum(a) + sum(b) - 2 * root;
    close(expected, FrechetDistance.between(mean, s1, mean, s2), expected);
  }

  /**
   * Fewer samples than dimensions: with centred samples X, Y the trace is the sum of the singular
   * values of XYᵀ, a small matrix that libtorch decomposes; the covariances are never formed.
   */
  @Test
  @SuppressWarnings("try")
  void singularCovariancesNeedNoNoise() {
    int d = 120;
    int n1 = 30;
    int n2 = 47;
    float[] x = new float[n1 * d];
    float[] y = new float[n2 * d];
    double[] values = normal(5, (n1 + n2) * d);
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) values[i] * (1 + i % 3);
    }
    for (int i = 0; i < y.length; i++) {
      y[i] = (float) (values[x.length + i] + 0.5);
    }
    FeatureStatistics a = new FeatureStatistics(d);
    FeatureStatistics b = new FeatureStatistics(d);
    a.add(x);
    b.add(y);
    double expected;
    try (PointerScope scope = new PointerScope()) {
      Tensor tx = centred(x, n1, d);
      Tensor ty = centred(y, n2, d);
      double root = sum(TorchOracle.values(torch.linalg_svdvals(tx.matmul(ty.t()))));
      double squares =
          sum(TorchOracle.values(tx.mul(tx))) / (n1 - 1)
              + sum(TorchOracle.values(ty.mul(ty))) / (n2 - 1);
      double means = 0;
      for (int i = 0; i < d; i++) {
        means += Math.pow(a.mean()[i] - b.mean()[i], 2);
      }
      expected = means + squares - 2 * root / Math.sqrt((n1 - 1.0) * (n2 - 1));
    }
    double actual = FrechetDistance.between(a, b);
    assertTrue(Double.isFinite(actual));
    close(expected, actual, expected);
    close(0, FrechetDistance.between(a, a), 1e-3 * sum(a.covariance()));
  }

  /** Seen: statistics in single precision, of fewer images than features, were no covariance. */
  @ParameterizedTest
  @ValueSource(ints = {3, 20, 60, 119, 200})
  void covariancesOfSinglePrecisionAreTaken(int n) {
    int d = 120;
    FeatureStatistics few = new FeatureStatistics(d);
    FeatureStatistics many = new FeatureStatistics(d);
    double[] values = normal(n, (n + 400) * d);
    for (int i = 0; i < n + 400; i++) {
      float[] row = new float[d];
      double common = values[i * d]; // one direction has nearly all of the variance
      for (int j = 0; j < d; j++) {
        row[j] = (float) (30 * common + values[i * d + j] * Math.exp(-j / 12.0));
      }
      (i < n ? few : many).add(row);
    }
    double[] rounded = few.covariance().clone();
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = (float) rounded[i];
    }
    double expected = FrechetDistance.between(few, many);
    double actual = FrechetDistance.between(few.mean(), rounded, many.mean(), many.covariance());
    assertEquals(expected, actual, 1e-3 * Math.max(1, expected));
  }

  private static Tensor centred(float[] x, int n, int d) {
    double[] values = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      values[i] = x[i];
    }
    Tensor t = TorchOracle.tensor(values, Shape.of(n, d), true);
    return t.sub(t.mean(new long[] {0}, true, new org.bytedeco.pytorch.ScalarTypeOptional()));
  }

  /** A point has no variance: what is left is the other's trace, and the distance of the means. */
  @Test
  void pointsAndSubspaces() {
    double[] zero = new double[9];
    double[] s = rotated(new double[] {4, 0, 1}, 8);
    double[] mean = {0, 0, 0};
    assertEquals(0, FrechetDistance.between(mean, zero, mean, zero), 0);
    close(5, FrechetDistance.between(mean, s, mean, zero), 5);
    close(5 + 4, FrechetDistance.between(mean, zero, new double[] {0, 2, 0}, s), 9);
    // Along different axes nothing overlaps: the traces add up.
    double[] one = {2, 0, 0, 0, 0, 0, 0, 0, 0};
    double[] other = {0, 0, 0, 0, 0, 0, 0, 0, 3};
    close(5, FrechetDistance.between(mean, one, mean, other), 5);
  }

  @Test
  void refusesWhatIsNoCovariance() {
    double[] mean = {0, 0};
    double[] unit = {1, 0, 0, 1};
    double[][] wrong = {{1, 0, 0, -1}, {-1, 0, 0, -1}, {1, 2, 2, 1}, {1, Double.NaN, 0, 1}, {1}};
    for (double[] covariance : wrong) {
      assertThrows(
          IllegalArgumentException.class,
          () -> FrechetDistance.between(mean, unit, mean, covariance));
    }
  }
}
