package io.github.eqvae.io.webp;

import java.util.Arrays;

/**
 * Prediction modes of macroblocks, read from the first partition (RFC 6386, section 11). The code
 * of a 4×4 block's mode depends on the modes above it and to its left.
 */
final class Modes {
  /** Modes of 16×16 luma, of chroma, and of a 4×4 block. */
  static final int DC = 0;

  static final int TRUE_MOTION = 1;
  static final int VERTICAL = 2;
  static final int HORIZONTAL = 3;

  /** Modes of a 4×4 block only, along a diagonal. The names are those of the RFC. */
  static final int RIGHT_DOWN = 4;

  static final int VERTICAL_RIGHT = 5;
  static final int LEFT_DOWN = 6;
  static final int VERTICAL_LEFT = 7;
  static final int HORIZONTAL_DOWN = 8;
  static final int HORIZONTAL_UP = 9;

  private static final int COUNT = 10;

  /** Nodes of the tree: two children each. A leaf is the bitwise complement of its mode. */
  private static final int[] TREE = {
    ~DC,
    1,
    ~TRUE_MOTION,
    2,
    ~VERTICAL,
    3,
    4,
    6,
    ~HORIZONTAL,
    5,
    ~RIGHT_DOWN,
    ~VERTICAL_RIGHT,
    ~LEFT_DOWN,
    7,
    ~VERTICAL_LEFT,
    8,
    ~HORIZONTAL_DOWN,
    ~HORIZONTAL_UP
  };

  private final FrameHeader header;
  private final int[] above;
  private final int[] left = new int[4];

  /** The macroblock's segment. */
  int segment;

  /** Whether it has no coefficients. */
  boolean isSkipped;

  /** Whether its luma is predicted in 4×4 blocks. */
  boolean hasBlocks;

  /** Modes of its sixteen blocks; only the first is used when it is not predicted in blocks. */
  final int[] luma = new int[16];

  /** Mode of its chroma. */
  int chroma;

  Modes(FrameHeader header, int columns) {
    this.header = header;
    above = new int[4 * columns];
  }

  void beginRow() {
    Arrays.fill(left, DC);
  }

  void read(int column) {
    BoolDecoder in = header.modes();
    int[] map = header.segments().mapProbabilities();
    segment = 0;
    if (map.length > 0) {
      segment = in.bit(map[0]) == 0 ? in.bit(map[1]) : 2 + in.bit(map[2]);
    }
    isSkipped = header.skipProbability() >= 0 && in.bit(header.skipProbability()) == 1;
    hasBlocks = in.bit(145) == 0;
    if (hasBlocks) {
      for (int i = 0; i < 16; i++) {
        int x = 4 * column + i % 4;
        int mode = block(in, above[x], left[i / 4]);
        above[x] = mode;
        left[i / 4] = mode;
        luma[i] = mode;
      }
    } else {
      int mode =
          in.bit(156) == 1
              ? in.bit(128) == 1 ? TRUE_MOTION : HORIZONTAL
              : in.bit(163) == 1 ? VERTICAL : DC;
      luma[0] = mode;
      Arrays.fill(left, mode);
      Arrays.fill(above, 4 * column, 4 * column + 4, mode);
    }
    if (in.bit(142) == 0) {
      chroma = DC;
    } else if (in.bit(114) == 0) {
      chroma = VERTICAL;
    } else {
      chroma = in.bit(183) == 1 ? TRUE_MOTION : HORIZONTAL;
    }
  }

  private static int block(BoolDecoder in, int above, int left) {
    int row = (above * COUNT + left) * (COUNT - 1);
    int node = 0;
    while (true) {
      node = TREE[2 * node + in.bit(Tables.BLOCK_MODES[row + node])];
      if (node < 0) {
        return ~node;
      }
    }
  }
}
