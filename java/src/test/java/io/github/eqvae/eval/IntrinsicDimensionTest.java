package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class IntrinsicDimensionTest {
  private static final int POINTS = 4000;
  private static final int WIDTH = 20;

  private static IntrinsicDimension twoNN(float[] points, int width) {
    return IntrinsicDimension.twoNN(points, width, IntrinsicDimension.DISCARD).orElseThrow();
  }

  /**
   * How far chance moves the estimate, as a share of it: the spread of the fit on independent
   * ratios of the law itself, drawn here. On a manifold a point's ratio depends on those it is a
   * neighbour of, about one other: twice the variance. Five deviations.
   */
  private static double chance(int n) {
    Random random = new Random(11);
    int runs = 100;
    double squares = 0;
    for (int r = 0; r < runs; r++) {
      double[] ratios = new double[n];
      for (int i = 0; i < n; i++) {
        ratios[i] = -Math.log(1 - random.nextDouble());
      }
      squares += Math.pow(IntrinsicDimension.slope(ratios, IntrinsicDimension.DISCARD) - 1, 2);
    }
    return 5 * Math.sqrt(2 * squares / runs);
  }

  /** Points of a manifold in its own coordinates, isometrically turned into WIDTH dimensions. */
  private static float[] embedded(long seed, Function<Random, double[]> draw) {
    Random random = new Random(seed);
    double[][] axes = new double[WIDTH][];
    for (int i = 0; i < WIDTH; i++) { // Gram–Schmidt
      double[] v = random.doubles(WIDTH, -1, 1).toArray();
      for (int k = 0; k < i; k++) {
        double dot = dot(v, axes[k]);
        for (int j = 0; j < WIDTH; j++) {
          v[j] -= dot * axes[k][j];
        }
      }
      double norm = Math.sqrt(dot(v, v));
      axes[i] = Arrays.stream(v).map(x -> x / norm).toArray();
    }
    float[] out = new float[POINTS * WIDTH];
    for (int p = 0; p < POINTS; p++) {
      double[] own = draw.apply(random);
      for (int j = 0; j < WIDTH; j++) {
        double value = 0;
        for (int k = 0; k < own.length; k++) {
          value += own[k] * axes[k][j];
        }
        out[p * WIDTH + j] = (float) value;
      }
    }
    return out;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static void found(int dimension, double bias, float[] points) {
    double tolerance = dimension * (chance(POINTS) + bias);
    assertTrue(tolerance < 0.5, "a tolerance of " + tolerance + " confuses dimensions");
    assertEquals(dimension, twoNN(points, WIDTH).dimension(), tolerance);
  }

  /**
   * Circles multiplied: no border, locally flat. Within r a chord is shorter than its arc by at
   * most r²/24 of it, so the exponent of the volume differs from d by at most r²/12 of it; r holds
   * ten neighbours, more than nearly every second neighbour's distance.
   */
  @Test
  void torus() {
    double[] ballVolumes = {2, Math.PI, 4 * Math.PI / 3};
    for (int d = 1; d <= 3; d++) {
      int axes = d;
      double r = 2 * Math.PI * Math.pow(10 / (POINTS * ballVolumes[d - 1]), 1.0 / d);
      found(
          d,
          r * r / 12,
          embedded(
              d,
              random -> {
                double[] p = new double[2 * axes];
                for (int k = 0; k < axes; k++) {
                  double angle = 2 * Math.PI * random.nextDouble();
                  p[2 * k] = Math.cos(angle);
                  p[2 * k + 1] = Math.sin(angle);
                }
                return p;
              }));
    }
  }

  /** On the sphere in space a cap's area is π·chord², exactly: no bias at all. */
  @Test
  void sphere() {
    found(
        2,
        0,
        embedded(
            7,
            random -> {
              double z = 2 * random.nextDouble() - 1;
              double angle = 2 * Math.PI * random.nextDouble();
              double r = Math.sqrt(1 - z * z);
              return new double[] {r * Math.cos(angle), r * Math.sin(angle), z};
            }));
  }

  /**
   * A border cuts balls off. Where it does, the exponent is at least d/2, as at least half of the
   * ball's surface stays; that concerns the share 2d·E[r₂] of the points at most, with E[r₂] ≤
   * √E[r₂²] = √(2/(πn)) in the plane.
   */
  @Test
  void square() {
    double bias = 0.5 * 4 * Math.sqrt(2 / (Math.PI * POINTS));
    found(
        2,
        bias,
        embedded(8, random -> new double[] {random.nextDouble(), 3 + random.nextDouble()}));
  }

  /** Ratios at the law's own quantiles lie on the line; the largest tenth may be anything. */
  @Test
  void slopeOfExactQuantiles() {
    int n = 1000;
    double[] ratios = new double[n];
    for (int i = 0; i < n; i++) {
      ratios[n - 1 - i] = i < 900 ? -Math.log1p(-(i + 1.0) / n) / 6.5 : 1e3 + i;
    }
    assertEquals(6.5, IntrinsicDimension.slope(ratios, 0.1), 1e-12);
    assertTrue(Math.abs(IntrinsicDimension.slope(ratios, 0.05) - 6.5) > 1);
  }

  @Test
  void neighboursAreThoseOfAllPairs() {
    int n = 150; // more than two tiles, more than one slice, and odd
    int width = 301;
    Random random = new Random(3);
    float[] points = new float[n * width];
    for (int i = 0; i < points.length; i++) {
      points[i] = 4096 + random.nextInt(16) / 2048f; // far from 0 and close together
    }
    double[][] nearest = NearestNeighbors.squaredDistances(points, width);
    for (int i = 0; i < n; i++) {
      double[] all = new double[n - 1];
      for (int j = 0; j < n; j++) {
        if (j != i) {
          double sum = 0;
          for (int k = 0; k < width; k++) {
            sum += Math.pow((double) points[i * width + k] - points[j * width + k], 2);
          }
          all[j < i ? j : j - 1] = sum;
        }
      }
      Arrays.sort(all);
      // Multiples of 2⁻²² with less than 53 bits: no sum is rounded.
      assertEquals(all[0], nearest[0][i], 0, "nearest of " + i);
      assertEquals(all[1], nearest[1][i], 0, "second nearest of " + i);
    }
  }

  @Test
  void equalPointsAreLeftOutAndCounted() {
    Random random = new Random(4);
    int n = 60;
    float[] once = new float[n * 3];
    for (int i = 0; i < once.length; i++) {
      once[i] = i % 3 == 0 ? 0 : random.nextFloat();
    }
    float[] more = Arrays.copyOf(once, once.length + 3 * 7);
    for (int i = 0; i < 7; i++) {
      System.arraycopy(once, 3 * (5 * i), more, once.length + 3 * i, 3);
    }
    more[once.length] = -0.0f;
    IntrinsicDimension expected = twoNN(once, 3);
    assertEquals(0, expected.duplicates());
    assertEquals(n, expected.points());
    assertEquals(new IntrinsicDimension(expected.dimension(), n, 7), twoNN(more, 3));
  }

  @Test
  void someCloudsHaveNoDimension() {
    Random random = new Random(6);
    float[] points = new float[2 * 12];
    for (int i = 0; i < points.length; i++) {
      points[i] = random.nextFloat();
    }
    assertTrue(IntrinsicDimension.twoNN(points, 2, 0.1).isPresent());
    float[] few = points.clone();
    System.arraycopy(few, 0, few, 12, 12); // six points, twice
    assertEquals(Optional.empty(), IntrinsicDimension.twoNN(few, 2, 0.1));
    float[] infinite = points.clone();
    infinite[3] = Float.POSITIVE_INFINITY;
    assertEquals(Optional.empty(), IntrinsicDimension.twoNN(infinite, 2, 0.1));
    float[] grid = new float[2 * 16];
    for (int i = 0; i < 16; i++) {
      grid[2 * i] = i / 4;
      grid[2 * i + 1] = i % 4;
    }
    assertEquals(Optional.empty(), IntrinsicDimension.twoNN(grid, 2, 0.1));
    assertThrows(IllegalArgumentException.class, () -> IntrinsicDimension.twoNN(points, 5, 0.1));
    assertThrows(IllegalArgumentException.class, () -> IntrinsicDimension.twoNN(points, 2, 1));
  }
}
