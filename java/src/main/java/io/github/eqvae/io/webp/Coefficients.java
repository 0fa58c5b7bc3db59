package io.github.eqvae.io.webp;

import java.util.Arrays;

/**
 * The coefficients of macroblocks, read from their partitions and multiplied with the quantisers
 * (RFC 6386, sections 13 and 14). How a block is coded depends on whether the blocks above and to
 * the left have coefficients.
 */
final class Coefficients {
  private static final int[] BAND = {0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7, 0};
  private static final int[] ZIGZAG = {0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15};

  /** Probabilities of the bits that are added to 3 + 8 · 2ⁿ, for n = 0 to 3. */
  private static final int[][] LARGE = {
    {173, 148, 140},
    {176, 155, 140, 135},
    {180, 157, 141, 134, 130},
    {254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129}
  };

  private static final int LUMA_WITHOUT_DC = 0;
  private static final int SECOND = 1;
  private static final int CHROMA = 2;
  private static final int LUMA = 3;

  /** Flags of a macroblock's blocks: four of luma, two of either chroma, and the second order. */
  private static final int FLAGS = 9;

  private static final int SECOND_FLAG = 8;

  private final int[] probabilities;
  private final int[] above;
  private final int[] left = new int[FLAGS];

  /** Sixteen blocks of luma, four of U, four of V, of sixteen values each. */
  final short[] values = new short[24 * 16];

  /** Whether a block has any value but 0. */
  final boolean[] isFilled = new boolean[24];

  Coefficients(FrameHeader header, int columns) {
    probabilities = header.probabilities();
    above = new int[FLAGS * columns];
  }

  void beginRow() {
    Arrays.fill(left, 0);
  }

  /** A macroblock without coefficients. */
  void skip(int column, boolean hasBlocks) {
    int count =
        hasBlocks
            ? SECOND_FLAG
            : FLAGS; // a macroblock without second order does not change this flag
    Arrays.fill(left, 0, count, 0);
    Arrays.fill(above, FLAGS * column, FLAGS * column + count, 0);
  }

  /**
   * Reads a macroblock's.
   *
   * @return whether any is not 0
   */
  boolean read(BoolDecoder in, int column, boolean hasBlocks, FrameHeader.Quantizer quantizer) {
    Arrays.fill(values, (short) 0);
    Arrays.fill(isFilled, false);
    int top = FLAGS * column;
    int type = LUMA;
    int first = 0;
    if (!hasBlocks) {
      int context = above[top + SECOND_FLAG] + left[SECOND_FLAG];
      short[] second = new short[16];
      int count = block(in, SECOND, context, quantizer.second(), 0, second, 0);
      above[top + SECOND_FLAG] = left[SECOND_FLAG] = count > 0 ? 1 : 0;
      Transforms.walshHadamard(second, values);
      type = LUMA_WITHOUT_DC;
      first = 1;
    }
    boolean any = false;
    for (int i = 0; i < 24; i++) {
      boolean isLuma = i < 16;
      int side = isLuma ? 4 : 2;
      int base = isLuma ? 0 : i < 20 ? 4 : 6; // first flag of the plane
      int a = top + base + i % side;
      int l = base + (isLuma ? i / 4 : (i & 3) / 2);
      int count =
          block(
              in,
              isLuma ? type : CHROMA,
              above[a] + left[l],
              isLuma ? quantizer.luma() : quantizer.chroma(),
              isLuma ? first : 0,
              values,
              16 * i);
      int begin = isLuma ? first : 0;
      above[a] = left[l] = count > begin ? 1 : 0;
      isFilled[i] = count > begin || values[16 * i] != 0;
      any |= isFilled[i];
    }
    return any;
  }

  /** Reads a block; returns the position after the last coefficient, in the order of reading. */
  private int block(
      BoolDecoder in, int type, int context, int[] quantizer, int first, short[] out, int at) {
    int n = first;
    int p = place(type, n, context);
    while (n < 16) {
      if (in.bit(probabilities[p]) == 0) {
        return n;
      }
      while (in.bit(probabilities[p + 1]) == 0) {
        if (++n == 16) {
          return 16;
        }
        p = place(type, n, 0);
      }
      int value = 1;
      if (in.bit(probabilities[p + 2]) == 1) {
        value = large(in, p);
      }
      p = place(type, n + 1, value == 1 ? 1 : 2);
      int scaled = value * quantizer[n > 0 ? 1 : 0];
      out[at + ZIGZAG[n]] = (short) (in.flag() ? -scaled : scaled);
      n++;
    }
    return 16;
  }

  private static int place(int type, int n, int context) {
    return ((type * Tables.BANDS + BAND[n]) * Tables.CONTEXTS + context) * Tables.PROBABILITIES;
  }

  /** A value above 1 (section 13.2). */
  private int large(BoolDecoder in, int p) {
    if (in.bit(probabilities[p + 3]) == 0) {
      return in.bit(probabilities[p + 4]) == 0 ? 2 : 3 + in.bit(probabilities[p + 5]);
    }
    if (in.bit(probabilities[p + 6]) == 0) {
      return in.bit(probabilities[p + 7]) == 0
          ? 5 + in.bit(159)
          : 7 + 2 * in.bit(165) + in.bit(145);
    }
    int high = in.bit(probabilities[p + 8]);
    int category = 2 * high + in.bit(probabilities[p + 9 + high]);
    int extra = 0;
    for (int probability : LARGE[category]) {
      extra = 2 * extra + in.bit(probability);
    }
    return 3 + (8 << category) + extra;
  }
}
