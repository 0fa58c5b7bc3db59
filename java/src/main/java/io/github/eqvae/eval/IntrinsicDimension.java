package io.github.eqvae.eval;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * The intrinsic dimension of a set of points, by the two-nearest-neighbours estimator (Facco et al.
 * 2017, "Estimating the intrinsic dimension of datasets by a minimal neighborhood information"),
 * which EQ-VAE (arXiv 2502.09509) applies to latents, each flattened to a point.
 *
 * <p>Let r₁ ≤ r₂ be the distances of a point to its two nearest neighbours. If the density is
 * constant in that neighbourhood, μ = r₂/r₁ follows P(μ ≤ m) = 1 − m^−d for any density. So −log(1
 * − F(μ)) against log μ is a line through the origin with slope d, where F is the empirical
 * distribution: the i-th smallest of n ratios has F = i/n. The largest ratios belong to
 * neighbourhoods that are too wide for the assumption, and are left out before the least-squares
 * fit. The fit is that of {@code Data.compute_id_2NN} of sissa-data-science/DADApy.
 *
 * <p>A point that occurs twice would have r₁ = 0, so only one of several equal points is used; the
 * others are counted.
 *
 * @param dimension the slope
 * @param points number of different points, n above
 * @param duplicates number of points left out because an equal one came before
 */
public record IntrinsicDimension(double dimension, int points, int duplicates) {
  /** The published share of the largest ratios that is left out. */
  public static final double DISCARD = 0.1;

  /** With fewer points the slope is mostly random. */
  private static final int FEWEST = 10;

  /**
   * Estimates the dimension. The time grows with n²·width.
   *
   * @param values {@code [n, width]}, row-major: n points, for example flattened latents
   * @param width numbers per point
   * @param discard share of the largest ratios that is left out, in [0, 1); {@link #DISCARD} as
   *     published
   * @return the estimate; empty when a number is not finite, there are fewer than ten different
   *     points, or all used ratios are 1, as on a grid
   * @throws IllegalArgumentException when the number of values is not a multiple of the width, or
   *     the share is out of range
   */
  public static Optional<IntrinsicDimension> twoNN(float[] values, int width, double discard) {
    if (width < 1 || values.length % width != 0) {
      throw new IllegalArgumentException(
          values.length + " values are not whole points of " + width + " numbers");
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
   * @return Σxy/Σx²; not finite when all used x are 0
   */
  static double slope(double[] logRatios, double discard) {
    double[] x = logRatios.clone();
    Arrays.sort(x);
    int n = x.length;
    // the last ratio has F = 1, so no logarithm; like DADApy, the product is truncated to an
    // integer
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
        out[size + j] = values[from + j] + 0.0f; // makes −0 equal to 0
      }
      if (seen.add(new Point(out, size, width))) {
        size += width;
      }
    }
    return Arrays.copyOf(out, size);
  }

  /** A point, compared by value. Its part of the array must not change while it is in a set. */
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
