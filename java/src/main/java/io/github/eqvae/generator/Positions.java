package io.github.eqvae.generator;

/**
 * Position tables for a square grid of tokens, row by row, computed in double precision.
 *
 * <p>Sources: facebookresearch/DiT {@code models.py}, {@code get_2d_sincos_pos_embed};
 * hustvl/LightningDiT {@code models/pos_embed.py}.
 */
final class Positions {
  private static final double LONGEST = 10000;

  private Positions() {}

  /**
   * Sines and cosines of the column, then of the row.
   *
   * @param width numbers per token, a multiple of 4
   * @param side tokens in a row
   * @return {@code [side·side, width]}: a quarter each of sin and cos of the column, sin and cos of
   *     the row
   */
  static double[] sinCos(int width, int side) {
    int quarter = width / 4;
    double[] table = new double[side * side * width];
    for (int token = 0; token < side * side; token++) {
      int[] at = {token % side, token / side};
      for (int half = 0; half < 2; half++) {
        for (int k = 0; k < quarter; k++) {
          double angle = at[half] * Math.pow(LONGEST, -k / (double) quarter);
          int first = token * width + half * 2 * quarter + k;
          table[first] = Math.sin(angle);
          table[first + quarter] = Math.cos(angle);
        }
      }
    }
    return table;
  }

  /**
   * Cosines or sines of the rotary positions: the pairs of a head's first half encode the row,
   * those of its second half the column.
   *
   * @param size channels of a head, a multiple of 4
   * @param side tokens in a row
   * @param sine whether to return sines
   * @return {@code [side·side, size]}
   */
  static double[] rotary(int size, int side, boolean sine) {
    int half = size / 2;
    double[] table = new double[side * side * size];
    for (int i = 0; i < table.length; i++) {
      int token = i / size;
      int place = i % size;
      int at = place < half ? token / side : token % side;
      double angle = at * Math.pow(LONGEST, -2.0 * (place % half / 2) / half);
      table[i] = sine ? Math.sin(angle) : Math.cos(angle);
    }
    return table;
  }
}
