package io.github.eqvae.io.webp;

import java.io.IOException;

/**
 * The header of a key frame (RFC 6386, section 9).
 *
 * @param width pixels in a row
 * @param height rows
 * @param modes the first partition, at the first macroblock's mode
 * @param segments properties that macroblocks share
 * @param filter strength of the loop filter
 * @param tokens partitions of coefficients; row y of macroblocks is in number y mod length
 * @param probabilities of coefficients, as in {@link Tables#COEFFICIENTS}
 * @param skipProbability probability that a macroblock has coefficients, in 1/256; −1 if all may
 *     have some
 */
record FrameHeader(
    int width,
    int height,
    BoolDecoder modes,
    Segments segments,
    Filter filter,
    BoolDecoder[] tokens,
    int[] probabilities,
    int skipProbability) {
  private static final int TAG_BYTES = 10;

  /** The largest number of segments. */
  static final int SEGMENTS = 4;

  /**
   * Segments.
   *
   * @param mapProbabilities probabilities of the tree for a macroblock's segment; empty if segments
   *     are not coded
   * @param quantizers of each segment
   * @param isUsed whether there are any
   * @param isAbsolute whether levels replace the frame's, or are added to them
   * @param levels of the loop filter
   */
  record Segments(
      int[] mapProbabilities,
      Quantizer[] quantizers,
      boolean isUsed,
      boolean isAbsolute,
      int[] levels) {}

  /**
   * Loop filter.
   *
   * @param isSimple whether it is the simple one, for luma only
   * @param level 0..63; 0 is off
   * @param sharpness 0..7
   * @param change of the level of all macroblocks (of those of key frames)
   * @param blockChange of the level of macroblocks that predict 4×4 blocks
   */
  record Filter(boolean isSimple, int level, int sharpness, int change, int blockChange) {}

  /**
   * Factors of the coefficients, DC then AC.
   *
   * @param luma of luma
   * @param second of the DC coefficients of luma
   * @param chroma of chroma
   */
  record Quantizer(int[] luma, int[] second, int[] chroma) {}

  static FrameHeader read(byte[] data, int from, int to) throws IOException {
    if (to - from < TAG_BYTES) {
      throw new IOException("the frame is cut short");
    }
    int tag = little(data, from);
    boolean isKey = (tag & 1) == 0;
    boolean isShown = (tag >> 4 & 1) == 1;
    if (!isKey || (tag >> 1 & 7) > 3 || !isShown || little(data, from + 3) != 0x2a019d) {
      throw new IOException("the frame is not a key frame of VP8");
    }
    int width = little(data, from + 6) & 0x3fff;
    int height = little(data, from + 7) >> 8 & 0x3fff;
    int first = from + TAG_BYTES;
    int second = first + (tag >> 5);
    if (second > to) {
      throw new IOException("the first partition is cut short");
    }
    BoolDecoder in = new BoolDecoder(data, first, second);
    in.number(2); // colour space and clamping: neither changes anything in WebP
    int[] mapProbabilities = {};
    int[] quantizerIndices = new int[SEGMENTS];
    int[] levels = new int[SEGMENTS];
    boolean isUsed = in.flag();
    boolean isAbsolute = true;
    if (isUsed) {
      boolean hasMap = in.flag();
      if (in.flag()) {
        isAbsolute = in.flag();
        for (int i = 0; i < SEGMENTS; i++) {
          quantizerIndices[i] = in.optional(7, 0);
        }
        for (int i = 0; i < SEGMENTS; i++) {
          levels[i] = in.optional(6, 0);
        }
      }
      if (hasMap) {
        mapProbabilities = new int[] {map(in), map(in), map(in)};
      }
    }
    Filter filter = filter(in);
    BoolDecoder[] tokens = partitions(in.number(2), data, second, to);
    Quantizer[] quantizers = quantizers(in, isUsed, isAbsolute, quantizerIndices);
    in.flag(); // whether probabilities are kept for the next frame: not used
    int[] probabilities = Tables.COEFFICIENTS.clone();
    for (int i = 0; i < probabilities.length; i++) {
      if (in.bit(Tables.COEFFICIENT_UPDATES[i]) == 1) {
        probabilities[i] = in.number(8);
      }
    }
    int skip = in.flag() ? in.number(8) : -1;
    return new FrameHeader(
        width,
        height,
        in,
        new Segments(mapProbabilities, quantizers, isUsed, isAbsolute, levels),
        filter,
        tokens,
        probabilities,
        skip);
  }

  private static int map(BoolDecoder in) {
    return in.flag() ? in.number(8) : 255;
  }

  private static Filter filter(BoolDecoder in) {
    boolean isSimple = in.flag();
    int level = in.number(6);
    int sharpness = in.number(3);
    int[] changes = new int[8]; // of reference frames, then of modes
    if (in.flag() && in.flag()) {
      for (int i = 0; i < changes.length; i++) {
        changes[i] = in.optional(6, 0);
      }
    }
    return new Filter(isSimple, level, sharpness, changes[0], changes[4]);
  }

  /** Sizes of all partitions but the last come first. */
  private static BoolDecoder[] partitions(int log, byte[] data, int from, int to)
      throws IOException {
    int count = 1 << log;
    int begin = from + 3 * (count - 1);
    if (begin >= to) {
      throw new IOException("the partitions are cut short");
    }
    BoolDecoder[] out = new BoolDecoder[count];
    for (int i = 0; i < count; i++) {
      int size = i == count - 1 ? to - begin : little(data, from + 3 * i);
      int end = Math.min(to, begin + size);
      out[i] = new BoolDecoder(data, begin, end);
      begin = end;
    }
    return out;
  }

  private static Quantizer[] quantizers(
      BoolDecoder in, boolean isUsed, boolean isAbsolute, int[] indices) {
    int base = in.number(7);
    int lumaDc = in.optional(4, 0);
    int secondDc = in.optional(4, 0);
    int secondAc = in.optional(4, 0);
    int chromaDc = in.optional(4, 0);
    int chromaAc = in.optional(4, 0);
    Quantizer[] out = new Quantizer[SEGMENTS];
    for (int i = 0; i < SEGMENTS; i++) {
      int q = base;
      if (isUsed) {
        q = isAbsolute ? indices[i] : base + indices[i];
      }
      out[i] =
          new Quantizer(
              new int[] {dc(q + lumaDc, 127), ac(q)},
              new int[] {2 * dc(q + secondDc, 127), Math.max(8, ac(q + secondAc) * 155 / 100)},
              new int[] {dc(q + chromaDc, 117), ac(q + chromaAc)});
    }
    return out;
  }

  private static int dc(int index, int most) {
    return Tables.DC_QUANTIZERS[Math.clamp(index, 0, most)];
  }

  private static int ac(int index) {
    return Tables.AC_QUANTIZERS[Math.clamp(index, 0, 127)];
  }

  private static int little(byte[] data, int at) {
    return data[at] & 0xff | (data[at + 1] & 0xff) << 8 | (data[at + 2] & 0xff) << 16;
  }
}
