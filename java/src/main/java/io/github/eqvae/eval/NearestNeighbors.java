package io.github.eqvae.eval;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Every point's two nearest neighbours by an exact search over all pairs; squared differences are
 * summed in double precision. (‖x‖² + ‖y‖² − 2xy would be a matrix product, but it is inaccurate
 * for small distances, which are needed here.) Tiles of {@value #TILE} points are compared with
 * tiles of {@value #TILE} points; the second tile is transposed, so that the innermost loop runs
 * over points and needs no horizontal sums.
 */
final class NearestNeighbors {
  private static final int TILE = 64;

  /** Numbers of a point per pass: 64 points × 256 × 8 bytes stay in cache. */
  private static final int SLICE = 256;

  private NearestNeighbors() {}

  /**
   * Squared Euclidean distances.
   *
   * @param points {@code [n, width]}, n ≥ 3
   * @param width numbers per point
   * @return two rows of n: to the nearest and to the second nearest other point
   */
  static double[][] squaredDistances(float[] points, int width) {
    int n = points.length / width;
    double[][] nearest = new double[2][n];
    Arrays.fill(nearest[0], Double.POSITIVE_INFINITY);
    Arrays.fill(nearest[1], Double.POSITIVE_INFINITY);
    IntStream.range(0, (n + TILE - 1) / TILE)
        .parallel()
        .forEach(tile -> rows(points, width, tile * TILE, Math.min(n, (tile + 1) * TILE), nearest));
    return nearest;
  }

  private static void rows(float[] points, int width, int from, int to, double[][] nearest) {
    int n = points.length / width;
    double[] sums = new double[TILE * TILE];
    double[] slice = new double[TILE * SLICE];
    for (int other = 0; other < n; other += TILE) {
      int columns = Math.min(TILE, n - other);
      Arrays.fill(sums, 0);
      for (int k = 0; k < width; k += SLICE) {
        int length = Math.min(SLICE, width - k);
        transpose(points, other, columns, width, k, length, slice);
        for (int i = from; i < to; i++) {
          addSquares(points, i * width + k, length, slice, sums, (i - from) * TILE);
        }
      }
      for (int i = from; i < to; i++) {
        for (int j = 0; j < columns; j++) {
          if (other + j != i) {
            insert(nearest, i, sums[(i - from) * TILE + j]);
          }
        }
      }
    }
  }

  private static void transpose(
      float[] points, int first, int columns, int width, int k, int length, double[] slice) {
    for (int j = 0; j < columns; j++) {
      for (int l = 0; l < length; l++) {
        slice[l * TILE + j] = points[(first + j) * width + k + l];
      }
    }
  }

  private static void addSquares(
      float[] points, int at, int length, double[] slice, double[] sums, int row) {
    int l = 0;
    for (; l + 2 <= length; l += 2) {
      double a = points[at + l];
      double b = points[at + l + 1];
      for (int j = 0; j < TILE; j++) {
        double x = a - slice[l * TILE + j];
        double y = b - slice[(l + 1) * TILE + j];
        sums[row + j] += x * x + y * y;
      }
    }
    for (; l < length; l++) {
      double a = points[at + l];
      for (int j = 0; j < TILE; j++) {
        double x = a - slice[l * TILE + j];
        sums[row + j] += x * x;
      }
    }
  }

  private static void insert(double[][] nearest, int i, double distance) {
    if (distance < nearest[0][i]) {
      nearest[1][i] = nearest[0][i];
      nearest[0][i] = distance;
    } else if (distance < nearest[1][i]) {
      nearest[1][i] = distance;
    }
  }
}
