package io.github.eqvae.io.webp;

/** Predicts macroblocks and 4×4 blocks from the pixels around them (RFC 6386, section 12). */
final class Prediction {
  /** Pixels around a 4×4 block: left from below to above, corner, above from left to right. */
  private final int[] edge = new int[13];

  private static final int CORNER = 4;

  /** A macroblock of a plane. */
  static void macroblock(Plane plane, int column, int row, int mode) {
    int side = plane.side;
    int at = plane.at(column * side, row * side);
    int above = at - plane.stride;
    byte[] data = plane.data;
    int dc = mode == Modes.DC ? mean(plane, at, column > 0, row > 0) : 0;
    int corner = plane.pixel(above - 1);
    for (int y = 0; y < side; y++) {
      int line = at + y * plane.stride;
      int left = plane.pixel(line - 1);
      for (int x = 0; x < side; x++) {
        data[line + x] =
            (byte)
                switch (mode) {
                  case Modes.DC -> dc;
                  case Modes.VERTICAL -> data[above + x];
                  case Modes.HORIZONTAL -> left;
                  default -> Math.clamp(left + plane.pixel(above + x) - corner, 0, 255);
                };
      }
    }
  }

  /** The mean of the pixels above and to the left; 128 if there are none. */
  private static int mean(Plane plane, int at, boolean hasLeft, boolean hasAbove) {
    if (!hasLeft && !hasAbove) {
      return 128;
    }
    int sum = 0;
    for (int i = 0; i < plane.side; i++) {
      sum += hasLeft ? plane.pixel(at + i * plane.stride - 1) : 0;
      sum += hasAbove ? plane.pixel(at - plane.stride + i) : 0;
    }
    int count = hasLeft && hasAbove ? 2 * plane.side : plane.side;
    return (sum + count / 2) / count;
  }

  /**
   * A 4×4 block of luma.
   *
   * @param plane luma
   * @param at the block's first pixel
   * @param aboveRight index of the four pixels above and to the right of it, or the complement of
   *     the index of one pixel that replaces all four
   * @param mode of {@link Modes}
   */
  void block(Plane plane, int at, int aboveRight, int mode) {
    int above = at - plane.stride;
    for (int i = 0; i < 4; i++) {
      edge[3 - i] = plane.pixel(at + i * plane.stride - 1);
      edge[5 + i] = plane.pixel(above + i);
      edge[9 + i] = plane.pixel(aboveRight < 0 ? ~aboveRight : aboveRight + i);
    }
    edge[CORNER] = plane.pixel(above - 1);
    int dc = 4;
    for (int i = 0; i < 4; i++) {
      dc += edge[i] + edge[5 + i];
    }
    for (int y = 0; y < 4; y++) {
      for (int x = 0; x < 4; x++) {
        plane.data[at + y * plane.stride + x] =
            (byte)
                switch (mode) {
                  case Modes.DC -> dc >> 3;
                  case Modes.TRUE_MOTION ->
                      Math.clamp(edge[3 - y] + edge[5 + x] - edge[CORNER], 0, 255);
                  case Modes.VERTICAL -> smooth(5 + x);
                  case Modes.HORIZONTAL -> y == 3 ? of3(edge[1], edge[0], edge[0]) : smooth(3 - y);
                  case Modes.RIGHT_DOWN -> smooth(CORNER + x - y);
                  case Modes.LEFT_DOWN ->
                      x + y == 6 ? of3(edge[11], edge[12], edge[12]) : smooth(6 + x + y);
                  case Modes.VERTICAL_RIGHT -> verticalRight(x, y);
                  case Modes.VERTICAL_LEFT -> verticalLeft(x, y);
                  case Modes.HORIZONTAL_DOWN -> horizontalDown(x, y);
                  default -> horizontalUp(x, y);
                };
      }
    }
  }

  private int verticalRight(int x, int y) {
    int i = x - y / 2;
    if (i < 0) {
      return smooth(5 - y);
    }
    return y % 2 == 0 ? of2(edge[CORNER + i], edge[5 + i]) : smooth(CORNER + i);
  }

  private int verticalLeft(int x, int y) {
    if (x == 3 && y >= 2) {
      return smooth(8 + y);
    }
    int i = x + y / 2;
    return y % 2 == 0 ? of2(edge[5 + i], edge[6 + i]) : smooth(6 + i);
  }

  private int horizontalDown(int x, int y) {
    int i = y - x / 2;
    if (i < 0) {
      return smooth(3 + x);
    }
    return x % 2 == 0 ? of2(edge[3 - i], edge[CORNER - i]) : smooth(CORNER - i);
  }

  private int horizontalUp(int x, int y) {
    int i = y + x / 2;
    int first = edge[Math.max(0, 3 - i)];
    int second = edge[Math.max(0, 2 - i)];
    return x % 2 == 0 ? of2(first, second) : of3(first, second, edge[Math.max(0, 1 - i)]);
  }

  private int smooth(int center) {
    return of3(edge[center - 1], edge[center], edge[center + 1]);
  }

  private static int of2(int a, int b) {
    return a + b + 1 >> 1;
  }

  private static int of3(int a, int b, int c) {
    return a + 2 * b + c + 2 >> 2;
  }
}
