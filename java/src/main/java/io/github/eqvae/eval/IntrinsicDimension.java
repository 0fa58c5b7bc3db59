package io.github.eqvae.eval;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * How many dimensions a cloud of points really has, by the two-nearest-neighbours estimator (Facco
 * et al. 2017, "Estimating the intrinsic dimension of datasets by a minimal neighborhood
 * information"), which EQ-VAE (arXiv 2502.09509) applies to latents, each flattened to a point.
 *
 * <p>With r₁ ≤ r₂ the distances of a point to its two nearest neighbours, μ = r₂/r₁ follows P(μ ≤
 * m) = 1 − m^−d where the density is constant over that neighbourhood, whatever the density is. So
 * −log(1 − F(μ)) against log μ is a line through the origin of slope d, F the empirical
 * distribution: the i-th smallest of n ratios gets F = i/n. The largest ratios, from neighbourhoods
 * too wide for the assumption, are left out before the least-squares fit. Same fit as {@code
 * Data.compute_id_2NN} of sissa-data-science/DADApy.
 *
 * <p>A point that occurs twice would have r₁ = 0: of equal points one is kept, and the others are
 * counted.
 *
 * @param dimension the slope
 * @param points different points, which is n above
 * @param duplicates points left out because an equal one came before
 */
public record IntrinsicDimension(double dimension, int points, int duplicates) {
  /** The share of the largest ratios that is left out, as published. */
  public static final double DISCARD = 0.1;

  /** Below this the slope is mostly chance; two points would not even have two neighbours. */
  private static final int FEWEST = 10;

  /**
   * Estimates the dimension. Takes time in n²·width.
   *
   * @param values {@code [n, width]}, row-major: n points, for example flattened latents
   * @param width numbers per point
   * @param discard share of the largest ratios that is left out, in [0, 1); {@link #DISCARD} as
   *     published
   * @return the estimate; empty when a number is not finite, fewer than ten points differ, or all
   *     ratios kept are 1, as on a grid
   * @throws IllegalArgumentException when the values or the share do not fit
   */
  public static Optional<IntrinsicDimension> twoNN(float[] values, int width, double discard) {
    if (width < 1 || values.length % width != 0) {
      throw new IllegalArgumentException(
          values.length + " values are no points of " + width + " numbers");
    }
    if (!(discard >= 0 && discard < 1)) {
      throw new IllegalArgumentException("discard is " + discard + ", must be in [0, 1)");
    }
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return Optional.empty();
      }
    }
    float[] different = different(values, width);
    int n = different.length / width;
    if (n < FEWEST) {
      return Optional.empty();
    }
    double[] logRatios = new double[n];
    double[][] nearest = NearestNeighbors.squaredDistances(different, width);
    for (int i = 0; i < n; i++) {
      logRatios[i] = 0.5 * Math.log(nearest[1][i] / nearest[0][i]);
    }
    double slope = slope(logRatios, discard);
    return Double.isFinite(slope)
        ? Optional.of(new IntrinsicDimension(slope, n, values.length / width - n))
        : Optional.empty();
  }

  /**
   * The least-squares slope through the origin of −log(1 − i/n) over the i-th smallest log ratio.
   *
   * @param logRatios log μ of n points, in any order
   * @param discard share of the largest that is left out
   * @return Σxy/Σx²; not finite when all x kept are 0
   */
  static double slope(double[] logRatios, double discard) {
    double[] x = logRatios.clone();
    Arrays.sort(x);
    int n = x.length;
    // The last has F = 1 and no logarithm; DADApy too truncates the product to an integer.
    int kept = Math.min(n - 1, (int) (n * (1 - discard)));
    double xy = 0;
    double xx = 0;
    for (int i = 0; i < kept; i++) {
      xy -= x[i] * Math.log1p(-(i + 1.0) / n);
      xx += x[i] * x[i];
    }
    return xy / xx;
  }

  /** The points without repetitions, in their order. */
  private static float[] different(float[] values, int width) {
    Set<Point> seen = new HashSet<>();
    float[] out = new float[values.length];
    int size = 0;
    for (int from = 0; from < values.length; from += width) {
      for (int j = 0; j < width; j++) {
        out[size + j] = values[from + j] + 0.0f; // −0 and 0 are at distance 0
      }
      if (seen.add(new Point(out, size, width))) {
        size += width;
      }
    }
    return Arrays.copyOf(out, size);
  }

  /** A point by value. Its place in the array may be overwritten only while it is in no set. */
  private record Point(float[] values, int from, int width) {
    @Override
    public int hashCode() {
      int hash = 1;
      for (int j = 0; j < width; j++) {
        hash = 31 * hash + Float.floatToIntBits(values[from + j]);
      }
      return hash;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Point p
          && Arrays.equals(values, from, from + width, p.values, p.from, p.from + width);
    }
  }
}
