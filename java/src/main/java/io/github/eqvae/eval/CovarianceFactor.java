package io.github.eqvae.eval;

import java.util.Arrays;

/**
 * Factors a covariance into FᵀF, where F has as many rows as the covariance's rank: a Cholesky
 * factorisation with complete pivoting (Higham, "Accuracy and Stability of Numerical Algorithms",
 * ch. 10.3). It works for semidefinite matrices, without noise on the diagonal.
 *
 * <p>It ends when the largest remaining variance is at most d·2⁻⁵³ times the largest of all, as in
 * LAPACK's {@code dpstrf}: the subtractions have rounding errors of that size, so the remainder,
 * positive or negative, is only rounding.
 */
final class CovarianceFactor {
  /** Half a unit in the last place of fp32: many programs compute and store covariances in it. */
  private static final double FP32 = 0x1p-24;

  private final int dimension;
  private final double[] matrix;
  private final double[] rows; // of F, columns in the order of the pivots
  private final int[] order; // order[k] = the matrix's column at position k
  private final double[] left; // variances not yet explained, by position
  private int rank;

  private CovarianceFactor(double[] covariance, int dimension) {
    this.dimension = dimension;
    matrix = covariance;
    rows = new double[dimension * dimension];
    order = new int[dimension];
    left = new double[dimension];
    for (int i = 0; i < dimension; i++) {
      order[i] = i;
      left[i] = covariance[i * dimension + i];
    }
  }

  /**
   * Factors a covariance.
   *
   * @param covariance {@code [d, d]}, row-major, symmetric
   * @param dimension d
   * @return F, {@code [rank, d]}, row-major
   * @throws IllegalArgumentException when the matrix has a clearly negative variance
   */
  static double[] of(double[] covariance, int dimension) {
    CovarianceFactor f = new CovarianceFactor(covariance, dimension);
    f.factor();
    double[] out = new double[f.rank * dimension];
    for (int k = 0; k < f.rank; k++) {
      for (int i = k; i < dimension; i++) {
        out[k * dimension + f.order[i]] = f.rows[k * dimension + i];
      }
    }
    return out;
  }

  private void factor() {
    double largest = Arrays.stream(left).max().orElse(0);
    double negligible = dimension * 0x1p-53 * largest;
    while (rank < dimension) {
      int pivot = rank;
      double noise = negligible;
      for (int i = rank; i < dimension; i++) {
        if (left[i] < -dimension * FP32 * largest || largest < 0) {
          throw new IllegalArgumentException(
              "the matrix is not a covariance: it is not positive semidefinite, with a variance of "
                  + left[i]);
        }
        noise = Math.max(noise, -left[i]); // a negative variance shows how large rounding is
        pivot = left[i] > left[pivot] ? i : pivot;
      }
      if (left[pivot] <= noise) {
        return;
      }
      swap(rank, pivot);
      appendRow();
    }
  }

  private void swap(int a, int b) {
    int column = order[a];
    order[a] = order[b];
    order[b] = column;
    double variance = left[a];
    left[a] = left[b];
    left[b] = variance;
    for (int k = 0; k < rank; k++) {
      double value = rows[k * dimension + a];
      rows[k * dimension + a] = rows[k * dimension + b];
      rows[k * dimension + b] = value;
    }
  }

  /** F[r][i] = (Σ[r][i] − Σₖ F[k][r]·F[k][i]) / √left[r], four rows k at a time. */
  private void appendRow() {
    int d = dimension;
    int r = rank;
    double[] row = new double[d];
    int source = order[r] * d;
    for (int i = r; i < d; i++) {
      row[i] = matrix[source + order[i]];
    }
    int k = 0;
    for (; k + 4 <= r; k += 4) {
      int at = k * d;
      double a = rows[at + r];
      double b = rows[at + d + r];
      double c = rows[at + 2 * d + r];
      double e = rows[at + 3 * d + r];
      for (int i = r; i < d; i++) {
        row[i] -=
            a * rows[at + i]
                + b * rows[at + d + i]
                + c * rows[at + 2 * d + i]
                + e * rows[at + 3 * d + i];
      }
    }
    for (; k < r; k++) {
      double a = rows[k * d + r];
      for (int i = r; i < d; i++) {
        row[i] -= a * rows[k * d + i];
      }
    }
    double root = Math.sqrt(left[r]);
    rows[r * d + r] = root;
    for (int i = r + 1; i < d; i++) {
      double value = row[i] / root;
      rows[r * d + i] = value;
      left[i] -= value * value;
    }
    rank++;
  }
}
