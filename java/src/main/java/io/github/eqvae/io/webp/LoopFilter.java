package io.github.eqvae.io.webp;

/**
 * Smooths the edges of macroblocks and of the blocks in them (RFC 6386, section 15), after the
 * whole frame is predicted.
 */
final class LoopFilter {
  /** How a macroblock's edges are filtered; a limit of 0 means that they are not. */
  private record Strength(int limit, int interior, int variance) {}

  private final FrameHeader.Filter filter;

  /** {@code [segment][whether luma is predicted in blocks]}. */
  private final Strength[][] strengths = new Strength[FrameHeader.SEGMENTS][2];

  LoopFilter(FrameHeader header) {
    filter = header.filter();
    FrameHeader.Segments segments = header.segments();
    for (int s = 0; s < FrameHeader.SEGMENTS; s++) {
      int level = filter.level();
      if (segments.isUsed()) {
        level = segments.levels()[s] + (segments.isAbsolute() ? 0 : level);
      }
      strengths[s][0] = strength(level + filter.change());
      strengths[s][1] = strength(level + filter.change() + filter.blockChange());
    }
  }

  private Strength strength(int wanted) {
    int level = Math.clamp(wanted, 0, 63);
    if (level == 0 || filter.level() == 0) {
      return new Strength(0, 0, 0);
    }
    int sharpness = filter.sharpness();
    int interior = level;
    if (sharpness > 0) {
      interior = Math.min(level >> (sharpness > 4 ? 2 : 1), 9 - sharpness);
    }
    interior = Math.max(1, interior);
    return new Strength(2 * level + interior, interior, level >= 40 ? 2 : level >= 15 ? 1 : 0);
  }

  /**
   * Filters a macroblock; those before it must be filtered already.
   *
   * @param planes Y, U and V
   * @param isSmooth whether it has no inner edges to filter: it is predicted as a whole and has no
   *     coefficients
   */
  void macroblock(
      Plane[] planes, int column, int row, int segment, boolean hasBlocks, boolean isSmooth) {
    Strength s = strengths[segment][hasBlocks ? 1 : 0];
    if (s.limit == 0) {
      return;
    }
    int count = filter.isSimple() ? 1 : 3;
    for (int i = 0; i < count; i++) {
      Plane p = planes[i];
      int at = p.at(column * p.side, row * p.side);
      if (column > 0) {
        edge(p, at, 1, p.stride, s, true);
      }
      for (int x = 4; !isSmooth && x < p.side; x += 4) {
        edge(p, at + x, 1, p.stride, s, false);
      }
      if (row > 0) {
        edge(p, at, p.stride, 1, s, true);
      }
      for (int y = 4; !isSmooth && y < p.side; y += 4) {
        edge(p, at + y * p.stride, p.stride, 1, s, false);
      }
    }
  }

  /**
   * One edge.
   *
   * @param at its first pixel on the far side
   * @param across from a pixel to the next one away from the edge
   * @param along from a pixel to the next one along the edge
   */
  private void edge(Plane p, int at, int across, int along, Strength s, boolean isOuter) {
    int limit = 2 * (s.limit + (isOuter ? 4 : 0)) + 1;
    byte[] d = p.data;
    for (int i = 0; i < p.side; i++) {
      int q = at + i * along;
      int p1 = d[q - 2 * across] & 0xff;
      int p0 = d[q - across] & 0xff;
      int q0 = d[q] & 0xff;
      int q1 = d[q + across] & 0xff;
      if (4 * Math.abs(p0 - q0) + Math.abs(p1 - q1) > limit) {
        continue;
      }
      if (filter.isSimple()) {
        two(d, q, across, p1, p0, q0, q1);
        continue;
      }
      int p3 = d[q - 4 * across] & 0xff;
      int p2 = d[q - 3 * across] & 0xff;
      int q2 = d[q + 2 * across] & 0xff;
      int q3 = d[q + 3 * across] & 0xff;
      int left = Math.abs(p1 - p0);
      int right = Math.abs(q1 - q0);
      if (Math.abs(p3 - p2) > s.interior
          || Math.abs(p2 - p1) > s.interior
          || left > s.interior
          || Math.abs(q3 - q2) > s.interior
          || Math.abs(q2 - q1) > s.interior
          || right > s.interior) {
        continue;
      }
      if (left > s.variance || right > s.variance) {
        two(d, q, across, p1, p0, q0, q1);
      } else if (isOuter) {
        int a = signed(3 * (q0 - p0) + signed(p1 - q1));
        int near = 27 * a + 63 >> 7;
        int middle = 18 * a + 63 >> 7;
        int far = 9 * a + 63 >> 7;
        set(d, q - 3 * across, p2 + far);
        set(d, q - 2 * across, p1 + middle);
        set(d, q - across, p0 + near);
        set(d, q, q0 - near);
        set(d, q + across, q1 - middle);
        set(d, q + 2 * across, q2 - far);
      } else {
        int a = 3 * (q0 - p0);
        int up = signed(a + 4) >> 3;
        int half = up + 1 >> 1;
        set(d, q - 2 * across, p1 + half);
        set(d, q - across, p0 + (signed(a + 3) >> 3));
        set(d, q, q0 - up);
        set(d, q + across, q1 - half);
      }
    }
  }

  private static void two(byte[] d, int q, int across, int p1, int p0, int q0, int q1) {
    int a = 3 * (q0 - p0) + signed(p1 - q1);
    set(d, q - across, p0 + (signed(a + 3) >> 3));
    set(d, q, q0 - (signed(a + 4) >> 3));
  }

  private static void set(byte[] d, int at, int value) {
    d[at] = (byte) Math.clamp(value, 0, 255);
  }

  private static int signed(int value) {
    return Math.clamp(value, -128, 127);
  }
}
