package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;

class CovarianceFactorTest {
  /** n normal samples of d features, whose standard deviations fall from 1 to 10⁻³. */
  private static double[] covariance(int n, int d) {
    Random random = new Random(n * 1000L + d);
    float[] x = new float[n * d];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) (random.nextGaussian() * Math.pow(10, -3.0 * (i % d) / d));
    }
    FeatureStatistics statistics = new FeatureStatistics(d);
    statistics.add(x);
    return statistics.covariance();
  }

  /**
   * Normal samples span as many dimensions as there are, less the mean's: what rounding leaves of
   * the others is no dimension. (To be mistaken for that, a true one would have to be smaller than
   * d·2⁻⁵³ of the largest variance; here the smallest are near 10⁻⁶.)
   */
  @Test
  void rankIsThatOfTheSamples() {
    for (int d : new int[] {1, 7, 40, 150}) {
      for (int n : new int[] {2, 3, 30, 149, 400}) {
        double[] factor = CovarianceFactor.of(covariance(n, d), d);
        assertEquals(Math.min(n - 1, d), factor.length / d, n + " samples of " + d);
      }
    }
    assertEquals(0, CovarianceFactor.of(new double[9], 3).length);
  }

  /**
   * FᵀF is the matrix: each element to within 2(d + 2) roundings of the largest variance, half of
   * them the factorisation's (Higham, theorem 10.3) and half the part left out.
   */
  @Test
  void factorsMultiplyToTheMatrix() {
    for (int n : new int[] {20, 300}) {
      int d = 60;
      double[] matrix = covariance(n, d);
      double[] f = CovarianceFactor.of(matrix, d);
      double largest = 0;
      for (int i = 0; i < d; i++) {
        largest = Math.max(largest, matrix[i * d + i]);
      }
      for (int i = 0; i < d; i++) {
        for (int j = 0; j < d; j++) {
          double sum = 0;
          for (int k = 0; k < f.length; k += d) {
            sum += f[k + i] * f[k + j];
          }
          assertEquals(matrix[i * d + j], sum, 2 * (d + 2) * 0x1p-53 * largest, i + ", " + j);
        }
      }
    }
  }
}
