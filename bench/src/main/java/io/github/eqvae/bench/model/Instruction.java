package io.github.eqvae.bench.model;

/**
 * One instruction of a GPU's machine code: 16 bytes, of which the lowest 12 bits name it and the
 * highest tell the scheduler how long to wait. The meaning of these bits is not published; it was
 * found by compiling kernels with known content, and is the same from sm_70 to sm_90a.
 *
 * @param lower the lower 64 bits
 * @param upper the upper 64 bits
 */
record Instruction(long lower, long upper) {
  static final int BYTES = 16;

  private static final int BRANCH = 0x947;
  private static final int LOAD = 0x981;
  private static final int STORE = 0x986;
  private static final int APPROXIMATION = 0x308;

  /** Without the bits that say which kind of operand it has. */
  private static final int FAMILY = 0x1ff;

  private static final int NO_BARRIER = 7;

  int code() {
    return (int) (lower & 0xfff);
  }

  boolean isLoad() {
    return code() == LOAD;
  }

  boolean isStore() {
    return code() == STORE;
  }

  boolean isWarpgroupProduct() {
    return code() == 0x9f0;
  }

  boolean isTensorStore() {
    return code() == 0x3b5;
  }

  boolean isTensorLoad() {
    return code() == 0x3b4 || code() == 0x5b4;
  }

  /** ex2, rcp and their like. */
  boolean isApproximation() {
    return code() == APPROXIMATION;
  }

  /** Addition, product, and both at once in double. */
  boolean isDouble() {
    int family = code() & FAMILY;
    return family == 0x29 || family == 0x28 || family == 0x2b;
  }

  /** Bytes that a thread loads or stores. */
  int width() {
    return switch ((int) (upper >>> 9) & 7) {
      case 0, 1 -> 1;
      case 2, 3 -> 2;
      case 5 -> 8;
      case 6 -> 16;
      default -> 4;
    };
  }

  /** Clocks until the warp's next instruction, at least. */
  int stall() {
    return Math.max(1, (int) (upper >>> 41) & 0xf);
  }

  /** The barrier that is set until its result is there; none: -1. */
  int setsBarrier() {
    int barrier = (int) (upper >>> 46) & 7;
    return barrier == NO_BARRIER ? -1 : barrier;
  }

  boolean waitsFor(int barrier) {
    return ((upper >>> 52) >>> barrier & 1) != 0;
  }

  /** Where a branch goes, in instructions from the next one; 0 if it is no branch. */
  int branch() {
    if (code() != BRANCH) {
      return 0;
    }
    long words = (lower >> 34) << 8 | lower >>> 16 & 0xff;
    return (int) (words * 4 / BYTES);
  }
}
