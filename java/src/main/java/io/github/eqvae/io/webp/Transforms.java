package io.github.eqvae.io.webp;

/** The inverse transforms (RFC 6386, section 14), in 32-bit integers. */
final class Transforms {
  /** √2 · cos(π/8) − 1 and √2 · sin(π/8), in 1/65536. */
  private static final int COSINE = 20091;

  private static final int SINE = 35468;

  private Transforms() {}

  /**
   * Walsh and Hadamard's.
   *
   * @param in sixteen coefficients
   * @param out receives them as the first of every sixteen
   */
  static void walshHadamard(short[] in, short[] out) {
    int[] t = new int[16];
    for (int i = 0; i < 4; i++) {
      int outer = in[i] + in[12 + i];
      int inner = in[4 + i] + in[8 + i];
      int innerDifference = in[4 + i] - in[8 + i];
      int outerDifference = in[i] - in[12 + i];
      t[i] = outer + inner;
      t[8 + i] = outer - inner;
      t[4 + i] = outerDifference + innerDifference;
      t[12 + i] = outerDifference - innerDifference;
    }
    for (int i = 0; i < 4; i++) {
      int first = t[4 * i] + 3;
      int outer = first + t[4 * i + 3];
      int inner = t[4 * i + 1] + t[4 * i + 2];
      int innerDifference = t[4 * i + 1] - t[4 * i + 2];
      int outerDifference = first - t[4 * i + 3];
      out[64 * i] = (short) (outer + inner >> 3);
      out[64 * i + 16] = (short) (outerDifference + innerDifference >> 3);
      out[64 * i + 32] = (short) (outer - inner >> 3);
      out[64 * i + 48] = (short) (outerDifference - innerDifference >> 3);
    }
  }

  /** The cosine transform of the block at {@code from}, added to the plane's 4×4 pixels. */
  static void addCosine(short[] in, int from, byte[] plane, int at, int stride) {
    int[] t = new int[16];
    for (int i = 0; i < 4; i++) {
      int second = in[from + 4 + i];
      int fourth = in[from + 12 + i];
      int even = in[from + i] + in[from + 8 + i];
      int odd = in[from + i] - in[from + 8 + i];
      int c = sine(second) - cosine(fourth);
      int d = cosine(second) + sine(fourth);
      t[i] = even + d;
      t[4 + i] = odd + c;
      t[8 + i] = odd - c;
      t[12 + i] = even - d;
    }
    for (int y = 0; y < 4; y++) {
      int first = t[4 * y] + 4;
      int second = t[4 * y + 1];
      int fourth = t[4 * y + 3];
      int even = first + t[4 * y + 2];
      int odd = first - t[4 * y + 2];
      int c = sine(second) - cosine(fourth);
      int d = cosine(second) + sine(fourth);
      int row = at + y * stride;
      add(plane, row, even + d);
      add(plane, row + 1, odd + c);
      add(plane, row + 2, odd - c);
      add(plane, row + 3, even - d);
    }
  }

  private static void add(byte[] plane, int at, int eighths) {
    plane[at] = (byte) Math.clamp((plane[at] & 0xff) + (eighths >> 3), 0, 255);
  }

  private static int cosine(int value) {
    return (value * COSINE >> 16) + value;
  }

  private static int sine(int value) {
    return value * SINE >> 16;
  }
}
