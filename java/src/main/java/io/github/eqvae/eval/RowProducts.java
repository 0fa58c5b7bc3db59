package io.github.eqvae.eval;

import java.util.stream.IntStream;

/**
 * Scalar products of all rows of two matrices in double precision, with one tile of {@value #TILE}
 * rows of the second matrix at a time. A tile is transposed, in slices that fit into the cache, so
 * that the innermost loop runs over rows and needs no horizontal sums. A product is summed in a
 * fixed order.
 */
final class RowProducts {
  /** Rows of the second matrix in a tile. */
  static final int TILE = 64;

  /** Numbers of a row per pass: 64 × 256 doubles stay in cache. */
  private static final int SLICE = 256;

  private RowProducts() {}

  /**
   * Computes all products.
   *
   * @param x {@code [m, width]}
   * @param y {@code [n, width]}
   * @return {@code [m, n]}, x·yᵀ
   */
  static double[] of(double[] x, double[] y, int width) {
    int m = x.length / width;
    int n = y.length / width;
    double[] out = new double[m * n];
    IntStream.range(0, (n + TILE - 1) / TILE)
        .parallel()
        .forEach(
            tile -> {
              int first = tile * TILE;
              int columns = Math.min(TILE, n - first);
              double[] products = tile(x, m, y, first, columns, width);
              for (int i = 0; i < m; i++) {
                System.arraycopy(products, i * TILE, out, i * n + first, columns);
              }
            });
    return out;
  }

  /**
   * Computes the products with one tile.
   *
   * @param x at least {@code rows} rows of {@code width} numbers
   * @param rows number of rows of x
   * @param y rows of {@code width} numbers
   * @param first the tile's first row of y
   * @param columns rows in the tile, at most {@link #TILE}
   * @param width length of a row
   * @return {@code [rows, TILE]}, of which the first {@code columns} of each row are products
   */
  static double[] tile(double[] x, int rows, double[] y, int first, int columns, int width) {
    double[] dots = new double[rows * TILE];
    double[] slice = new double[SLICE * TILE];
    for (int k = 0; k < width; k += SLICE) {
      int length = Math.min(SLICE, width - k);
      for (int c = 0; c < columns; c++) {
        for (int l = 0; l < length; l++) {
          slice[l * TILE + c] = y[(first + c) * width + k + l];
        }
      }
      for (int i = 0; i < rows; i++) {
        add(x, i * width + k, length, slice, dots, i * TILE);
      }
    }
    return dots;
  }

  /** Adds the products of one row and the tile, four numbers at a time. */
  private static void add(double[] x, int at, int length, double[] slice, double[] dots, int to) {
    int l = 0;
    for (; l + 4 <= length; l += 4) {
      double a = x[at + l];
      double b = x[at + l + 1];
      double c = x[at + l + 2];
      double d = x[at + l + 3];
      int s = l * TILE;
      for (int j = 0; j < TILE; j++) {
        dots[to + j] +=
            a * slice[s + j]
                + b * slice[s + TILE + j]
                + c * slice[s + 2 * TILE + j]
                + d * slice[s + 3 * TILE + j];
      }
    }
    for (; l < length; l++) {
      double a = x[at + l];
      for (int j = 0; j < TILE; j++) {
        dots[to + j] += a * slice[l * TILE + j];
      }
    }
  }
}
