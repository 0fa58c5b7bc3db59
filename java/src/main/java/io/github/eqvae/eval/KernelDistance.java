package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Philox;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The kernel inception distance (Bińkowski et al. 2018, arXiv 1801.01401): the squared maximum mean
 * discrepancy of two sets of features, averaged over random subsets, with {@link Kernel the kernel}
 * {@code (x·y/d + 1)³}. Unlike a Fréchet distance it has no bias that depends on the number of
 * images. Everything is computed in double precision.
 */
public final class KernelDistance {
  private KernelDistance() {}

  /** The similarity of two feature vectors. */
  @FunctionalInterface
  public interface Kernel {
    /**
     * Computes the kernel.
     *
     * @param dot the scalar product of the vectors
     * @param squaredDistance the square of their distance
     * @return the kernel's value
     */
    double of(double dot, double squaredDistance);

    /**
     * {@code (γ·x·y + c)ⁿ}.
     *
     * @param gamma γ; 1/d in the paper
     * @param c the constant term; 1 in the paper
     * @param degree n; 3 in the paper
     * @return the kernel
     */
    static Kernel polynomial(double gamma, double c, int degree) {
      return (dot, distance) -> Math.pow(gamma * dot + c, degree);
    }

    /**
     * {@code exp(−‖x − y‖² / (2σ²))}.
     *
     * @param sigma σ
     * @return the kernel
     */
    static Kernel gaussian(double sigma) {
      return (dot, distance) -> Math.exp(-distance / (2 * sigma * sigma));
    }
  }

  /** Estimators of the discrepancy. */
  public enum Estimator {
    /** Includes pairs of a feature with itself. */
    BIASED,
    /** Excludes pairs of a feature with itself; between the two sets all pairs count. */
    UNBIASED,
    /** Like unbiased, but also excludes pairs with the same index in both sets. */
    U_STATISTIC
  }

  /**
   * The discrepancy of two sets of the same size.
   *
   * @param x {@code [m, width]}, row-major
   * @param y {@code [m, width]}
   * @param width numbers of a feature
   * @param kernel the kernel
   * @param estimator the estimator
   * @return MMD²
   */
  public static double discrepancy(
      float[] x, float[] y, int width, Kernel kernel, Estimator estimator) {
    int m = x.length / width;
    if (x.length != y.length || x.length % width != 0 || m < 2) {
      throw new EqvaeException.Argument(
          "The kernel distance needs two sets of equal size with at least 2 features of %d numbers, got %d and %d numbers"
              .formatted(width, x.length, y.length));
    }
    boolean diagonal = estimator == Estimator.BIASED;
    double[] a = doubles(x);
    double[] b = doubles(y);
    double within = sum(a, a, width, kernel, diagonal) + sum(b, b, width, kernel, diagonal);
    within /= diagonal ? (double) m * m : (double) m * (m - 1);
    boolean all = estimator != Estimator.U_STATISTIC;
    double between = sum(a, b, width, kernel, all);
    return within - 2 * between / (all ? (double) m * m : (double) m * (m - 1));
  }

  /**
   * The sum over all pairs, or over pairs with different indices. For a set with itself only half
   * of the pairs is computed. ‖x − y‖² is ‖x‖² + ‖y‖² − 2·x·y.
   */
  private static double sum(double[] x, double[] y, int width, Kernel kernel, boolean diagonal) {
    int m = x.length / width;
    boolean same = x == y;
    double[] squaresX = squares(x, width);
    double[] squaresY = same ? squaresX : squares(y, width);
    double sum = 0;
    for (int first = 0; first < m; first += RowProducts.TILE) {
      int columns = Math.min(RowProducts.TILE, m - first);
      int rows = same ? first + columns : m;
      double[] dots = RowProducts.tile(x, rows, y, first, columns, width);
      for (int i = 0; i < rows; i++) {
        for (int c = 0; c < columns; c++) {
          int j = first + c;
          if ((i == j && !diagonal) || (same && i > j)) {
            continue;
          }
          double dot = dots[i * RowProducts.TILE + c];
          double value = kernel.of(dot, squaresX[i] + squaresY[j] - 2 * dot);
          sum += same && i != j ? 2 * value : value;
        }
      }
    }
    return sum;
  }

  private static double[] squares(double[] rows, int width) {
    double[] out = new double[rows.length / width];
    for (int i = 0; i < rows.length; i++) {
      out[i / width] += rows[i] * rows[i];
    }
    return out;
  }

  private static double[] doubles(float[] values) {
    double[] out = new double[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = values[i];
    }
    return out;
  }

  /**
   * The mean over subsets, with the paper's kernel and the unbiased estimator.
   *
   * @param a features
   * @param b features of the same width
   * @param subsets number of subsets; usually 100
   * @param size features in a subset; usually 1000, or all if there are fewer
   * @param seed seed for the choice of the subsets
   * @return the distance: near 0 for equal distributions; it may be negative
   */
  public static MeanDeviation of(FeatureRows a, FeatureRows b, int subsets, int size, long seed) {
    int most = Math.min(size, Math.min(a.rows(), b.rows()));
    int[][][] rows = new int[subsets][][];
    for (int s = 0; s < subsets; s++) {
      rows[s] =
          new int[][] {
            choose(a.rows(), most, seed, 2L * s), choose(b.rows(), most, seed, 2L * s + 1)
          };
    }
    return of(a, b, rows, Kernel.polynomial(1.0 / a.width(), 1, 3));
  }

  /**
   * The mean over given subsets.
   *
   * @param a features
   * @param b features of the same width
   * @param subsets for each subset the rows of a, then those of b
   * @param kernel the kernel
   * @return the distance, with the unbiased estimator
   */
  static MeanDeviation of(FeatureRows a, FeatureRows b, int[][][] subsets, Kernel kernel) {
    if (a.width() != b.width()) {
      throw new EqvaeException.Argument(
          "Features of %d and of %d numbers cannot be compared".formatted(a.width(), b.width()));
    }
    double[] values = new double[subsets.length];
    IntStream.range(0, subsets.length)
        .parallel()
        .forEach(
            s ->
                values[s] =
                    discrepancy(
                        a.gather(subsets[s][0]),
                        b.gather(subsets[s][1]),
                        a.width(),
                        kernel,
                        Estimator.UNBIASED));
    return MeanDeviation.of(values);
  }

  /** Chooses different rows with the first steps of a Fisher–Yates shuffle. */
  private static int[] choose(int rows, int count, long seed, long purpose) {
    int[] order = IntStream.range(0, rows).toArray();
    for (int i = 0; i < count; i++) {
      int j = i + (int) ((rows - i) * uniform(seed, purpose, i));
      int kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
    return Arrays.copyOf(order, count);
  }

  private static double uniform(long seed, long purpose, long index) {
    return Philox.uniform(Philox.block(seed, index, purpose)[0]);
  }
}
