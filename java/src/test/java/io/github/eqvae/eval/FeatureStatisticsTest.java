package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FeatureStatisticsTest {
  private static final double U = 0x1p-53;

  /** Integers in [mean − 8, mean + 8], exact in fp32; neighbouring features are correlated. */
  private static float[] integers(long seed, int n, int d, int mean) {
    Random random = new Random(seed);
    float[] out = new float[n * d];
    for (int i = 0; i < out.length; i++) {
      int before = i % d == 0 ? 0 : (int) (out[i - 1] - mean) / 2;
      out[i] = mean + before + random.nextInt(9) - 4;
    }
    return out;
  }

  /** n·Σxy − Σx·Σy over n(n − 1), in integers: no rounding before the division. */
  private static double exactCovariance(float[] x, int n, int d, int i, int j) {
    long sum = 0;
    long a = 0;
    long b = 0;
    for (int k = 0; k < n; k++) {
      sum += (long) x[k * d + i] * (long) x[k * d + j];
      a += (long) x[k * d + i];
      b += (long) x[k * d + j];
    }
    return (double) (n * sum - a * b) / ((double) n * (n - 1));
  }

  private static FeatureStatistics of(float[] x, int d, int batch) {
    FeatureStatistics s = new FeatureStatistics(d);
    for (int from = 0; from < x.length; from += batch * d) {
      s.add(Arrays.copyOfRange(x, from, Math.min(x.length, from + batch * d)));
    }
    return s;
  }

  /**
   * With |x − mean| ≤ 8 a mean of 10⁶ costs digits only in the means: each is off by at most (block
   * + blocks)·u·mean, and so is a centred value; the sums of n products of values up to 8 add n·u
   * of their magnitude.
   */
  private static double tolerance(int n, int mean) {
    double centre = (64 + n / 64.0 + 4) * U * Math.max(1, mean);
    return 4 * 8 * centre + (n + 8) * U * 64 * 2;
  }

  @Test
  void covarianceIsThatOfExactArithmetic() {
    for (int mean : new int[] {0, 1_000_000}) {
      for (int n : new int[] {2, 5, 63, 64, 65, 200}) {
        int d = 9; // more than some of the n: a singular covariance
        float[] x = integers(n, n, d, mean);
        FeatureStatistics s = of(x, d, n);
        double[] covariance = s.covariance();
        for (int i = 0; i < d; i++) {
          for (int j = 0; j < d; j++) {
            String where = n + " samples around " + mean + ": " + i + ", " + j;
            double exact = exactCovariance(x, n, d, i, j);
            assertEquals(exact, covariance[i * d + j], tolerance(n, mean), where);
            assertEquals(covariance[j * d + i], covariance[i * d + j], 0, where);
          }
        }
        long first = 0;
        for (int k = 0; k < n; k++) {
          first += (long) x[k * d];
        }
        assertEquals(first / (double) n, s.mean()[0], (70 + n) * U * Math.max(8, mean));
        assertEquals(n, s.count());
      }
    }
  }

  @Test
  void theBatchSizeChangesNoBit() {
    int d = 7;
    float[] x = integers(3, 150, d, 3);
    for (int i = 0; i < x.length; i++) {
      x[i] *= 0.1f;
    }
    FeatureStatistics whole = of(x, d, 150);
    for (int batch : new int[] {1, 13, 64, 100}) {
      FeatureStatistics parts = of(x, d, batch);
      assertArrayEquals(whole.mean(), parts.mean(), "batches of " + batch);
      assertArrayEquals(whole.covariance(), parts.covariance(), "batches of " + batch);
    }
  }

  @Test
  void mergedPartsAreTheWhole() {
    int d = 5;
    int n = 170;
    int mean = 1000;
    float[] x = integers(4, n, d, mean);
    for (int cut : new int[] {0, 1, 70, 169, 170}) {
      FeatureStatistics s = of(Arrays.copyOf(x, cut * d), d, 16);
      FeatureStatistics rest = of(Arrays.copyOfRange(x, cut * d, x.length), d, 50);
      s.merge(rest);
      assertEquals(n, s.count());
      assertEquals(n - cut, rest.count());
      double[] covariance = s.covariance();
      for (int i = 0; i < d * d; i++) {
        double exact = exactCovariance(x, n, d, i / d, i % d);
        assertEquals(exact, covariance[i], 2 * tolerance(n, mean), "cut at " + cut);
      }
    }
  }

  @Test
  void refusesWhatIsNoFeature() {
    FeatureStatistics s = new FeatureStatistics(3);
    assertThrows(IllegalArgumentException.class, () -> s.add(new float[4]));
    assertThrows(
        IllegalArgumentException.class, () -> s.add(new float[] {1, 2, 3, 4, Float.NaN, 6}));
    assertEquals(0, s.count(), "a sample before the bad one was kept");
    assertThrows(IllegalStateException.class, s::mean);
    s.add(new float[] {1, 2, 3});
    assertArrayEquals(new double[] {1, 2, 3}, s.mean());
    assertThrows(IllegalStateException.class, s::covariance);
    assertThrows(IllegalArgumentException.class, () -> s.merge(new FeatureStatistics(4)));
    assertThrows(IllegalArgumentException.class, () -> new FeatureStatistics(0));
  }
}
