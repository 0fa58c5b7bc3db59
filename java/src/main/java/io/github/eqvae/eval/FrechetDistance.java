package io.github.eqvae.eval;

import java.util.Arrays;
import java.util.stream.Stream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_MT_DDRM;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;

/**
 * The squared Fréchet distance of two normal distributions, which is the FID:
 *
 * <p>‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2·tr (Σ₁Σ₂)^½
 *
 * <p>Source: Heusel et al. 2017 (arXiv 1706.08500); Dowson and Landau 1982.
 *
 * <p>With Σ₁ = AᵀA and Σ₂ = BᵀB, the eigenvalues of Σ₁Σ₂ are those of the symmetric ABᵀ(ABᵀ)ᵀ,
 * which are the squared singular values of ABᵀ. So tr (Σ₁Σ₂)^½ is the sum of the singular values of
 * ABᵀ. ABᵀ is not squared, because that would lose half of the digits. Released implementations
 * compute a general matrix square root of Σ₁Σ₂: it loses half the digits of small eigenvalues, may
 * become complex, and fails for singular covariances unless noise is added to their diagonals.
 * Singular values have an error of a few roundings of the largest one and are never negative; the
 * factor of a singular covariance only has fewer rows.
 *
 * <p>Error: dropping the part S of Σ₁ that is below rounding (see {@code CovarianceFactor}) lowers
 * the trace by at most √(tr S · tr Σ₂). Double precision cannot do better, because the stored Σ₁
 * has the same error. If every variance is above d·2⁻⁵³ times the largest, nothing is dropped.
 */
public final class FrechetDistance {
  private FrechetDistance() {}

  /**
   * The distance of two sets of features, with unbiased covariances.
   *
   * @param a statistics of at least two samples
   * @param b statistics of at least two samples of the same dimension
   * @return 0 for equal statistics, in squared units of the features
   */
  public static double between(FeatureStatistics a, FeatureStatistics b) {
    return between(a.mean(), a.covariance(), b.mean(), b.covariance());
  }

  /**
   * The distance of two normal distributions.
   *
   * @param mean1 {@code [d]}
   * @param covariance1 {@code [d, d]}, row-major, symmetric, positive semidefinite
   * @param mean2 {@code [d]}
   * @param covariance2 like the first
   * @return at least 0
   * @throws IllegalArgumentException when the sizes differ, a value is not finite or a matrix is
   *     not a covariance
   */
  public static double between(
      double[] mean1, double[] covariance1, double[] mean2, double[] covariance2) {
    return of(mean1, covariance1, mean2, covariance2).distance();
  }

  /**
   * A distance, and a check of the eigenvalues that it was computed from.
   *
   * @param distance at least 0
   * @param residual |Σλ − tr Σ₁Σ₂| / (‖Σ₁‖·‖Σ₂‖) in Frobenius norms, with the computed eigenvalues
   *     λ of Σ₁Σ₂. The trace is computed from the covariances themselves, so an error in the
   *     factors, their product or the eigenvalues makes the residual large; otherwise it is a few
   *     roundings
   */
  public record Result(double distance, double residual) {}

  /**
   * The distance with its residual.
   *
   * @param mean1 {@code [d]}
   * @param covariance1 {@code [d, d]}, row-major, symmetric, positive semidefinite
   * @param mean2 {@code [d]}
   * @param covariance2 like the first
   * @return the distance and the residual
   * @throws IllegalArgumentException as {@link #between}
   */
  public static Result of(
      double[] mean1, double[] covariance1, double[] mean2, double[] covariance2) {
    int d = mean1.length;
    if (mean2.length != d || covariance1.length != d * d || covariance2.length != d * d) {
      throw new IllegalArgumentException(
          "means of %d and %d values, covariances of %d and %d do not fit"
              .formatted(d, mean2.length, covariance1.length, covariance2.length));
    }
    for (double[] values : new double[][] {mean1, covariance1, mean2, covariance2}) {
      if (!Arrays.stream(values).allMatch(Double::isFinite)) {
        throw new IllegalArgumentException("a mean or covariance is not finite");
      }
    }
    double means = 0;
    double traces = 0;
    for (int i = 0; i < d; i++) {
      double difference = mean1[i] - mean2[i];
      means += difference * difference;
      traces += covariance1[i * d + i] + covariance2[i * d + i];
    }
    double[][] factors =
        Stream.of(covariance1, covariance2)
            .parallel()
            .map(covariance -> CovarianceFactor.of(covariance, d))
            .toArray(double[][]::new);
    double[] roots = roots(factors[0], factors[1], d);
    double root = Arrays.stream(roots).sum();
    // 2·root is at most the sum of the traces (AM–GM), so a negative difference is rounding
    double distance = means + Math.max(0, traces - 2 * root);
    return new Result(distance, residual(roots, covariance1, covariance2));
  }

  private static double residual(double[] roots, double[] covariance1, double[] covariance2) {
    double trace = 0;
    double square1 = 0;
    double square2 = 0;
    for (int i = 0; i < covariance1.length; i++) {
      trace += covariance1[i] * covariance2[i];
      square1 += covariance1[i] * covariance1[i];
      square2 += covariance2[i] * covariance2[i];
    }
    double eigenvalues = Arrays.stream(roots).map(r -> r * r).sum();
    double norms = Math.sqrt(square1) * Math.sqrt(square2);
    return norms == 0 ? 0 : Math.abs(eigenvalues - trace) / norms;
  }

  /** The singular values of ABᵀ: the roots of the eigenvalues. */
  private static double[] roots(double[] a, double[] b, int d) {
    if (a.length == 0 || b.length == 0) {
      return new double[0]; // one of the distributions has no variance
    }
    DMatrixRMaj product = DMatrixRMaj.wrap(a.length / d, b.length / d, RowProducts.of(a, b, d));
    SingularValueDecomposition_F64<DMatrixRMaj> svd =
        DecompositionFactory_MT_DDRM.svd(product.numRows, product.numCols, false, false, true);
    if (!svd.decompose(product)) {
      throw new ArithmeticException("the singular values of the covariances did not converge");
    }
    int values = Math.min(product.numRows, product.numCols);
    return Arrays.copyOf(svd.getSingularValues(), values);
  }
}
