package io.github.eqvae.io.webp;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;

/** Decodes a lossless picture, VP8L (RFC 9649, section 3). */
public final class Vp8lDecoder {
  private static final int SIGNATURE = 0x2f;
  private static final int HEADER_BYTES = 5;
  private static final int LITERALS = 256;
  private static final int LENGTHS = 24;
  private static final int DISTANCES = 40;
  private static final int MAX_CACHE_BITS = 11;

  /** With more groups of codes than this, no tables are used, to save memory. */
  private static final int FAST_GROUPS = 512;

  private final BitReader in;

  private Vp8lDecoder(BitReader in) {
    this.in = in;
  }

  /**
   * What a picture's header says.
   *
   * @param data holds the picture
   * @param from where it begins
   * @param to where it ends
   * @return width, height (1 to 16384), and whether it has transparency (0 or 1)
   * @throws IOException if it is none
   */
  public static int[] header(byte[] data, int from, int to) throws IOException {
    if (to - from < HEADER_BYTES || data[from] != SIGNATURE) {
      throw new IOException("the picture is not VP8L");
    }
    BitReader in = new BitReader(data, from + 1, to);
    int[] header = {1 + in.read(14), 1 + in.read(14), in.read(1)};
    if (in.read(3) != 0) {
      throw new IOException("the picture is of an unknown version of VP8L");
    }
    return header;
  }

  /**
   * Decodes. It needs at most eight bytes for each pixel.
   *
   * @param data holds the picture
   * @param from where it begins
   * @param to where it ends
   * @return {@code [height][width]}, each 0xAARRGGBB; check the size with {@link #header} first
   * @throws IOException if it is damaged or cut short
   */
  public static int[] decode(byte[] data, int from, int to) throws IOException {
    int[] header = header(data, from, to);
    return decodeBody(data, from + HEADER_BYTES, to, header[0], header[1]);
  }

  /**
   * Decodes a picture without a header: the opacity of a lossy picture is stored in this form.
   *
   * @param data holds the picture
   * @param from where it begins
   * @param to where it ends
   * @param width pixels in a row
   * @param height rows
   * @return {@code [height][width]}, each 0xAARRGGBB
   * @throws IOException if it is damaged or cut short
   */
  public static int[] decodeBody(byte[] data, int from, int to, int width, int height)
      throws IOException {
    Vp8lDecoder decoder = new Vp8lDecoder(new BitReader(data, from, to));
    Deque<Vp8lTransform> transforms = new ArrayDeque<>();
    int[] size = {width};
    int seen = 0;
    while (decoder.in.flag()) {
      int type = decoder.in.read(2);
      if ((seen >> type & 1) == 1) {
        throw new IOException("the picture has one transform twice");
      }
      seen |= 1 << type;
      transforms.push(decoder.transform(type, size, height));
    }
    int[] pixels = decoder.image(size[0], height, true);
    for (Vp8lTransform transform : transforms) {
      pixels = transform.invert(pixels, height);
    }
    return pixels;
  }

  /** Reads a transform; if it packs pixels, the following rows are shorter. */
  private Vp8lTransform transform(int type, int[] width, int height) throws IOException {
    int columns = width[0];
    switch (type) {
      case 0, 1 -> {
        int bits = 2 + in.read(3);
        int[] data = image(parts(columns, bits), parts(height, bits), false);
        return type == 0
            ? new Vp8lTransform.Predictor(columns, bits, data)
            : new Vp8lTransform.Color(columns, bits, data);
      }
      case 2 -> {
        return new Vp8lTransform.SubtractGreen();
      }
      default -> {
        int count = 1 + in.read(8);
        int[] palette = image(count, 1, false);
        for (int i = 1; i < count; i++) {
          palette[i] = Vp8lTransform.add(palette[i], palette[i - 1]);
        }
        int bits = count <= 2 ? 3 : count <= 4 ? 2 : count <= 16 ? 1 : 0;
        width[0] = parts(columns, bits);
        return new Vp8lTransform.Palette(columns, bits, palette);
      }
    }
  }

  private static int parts(int size, int bits) {
    return (size + (1 << bits) - 1) >> bits;
  }

  /**
   * Reads an image: the picture itself, or a small image with parameters of the picture's blocks.
   */
  private int[] image(int width, int height, boolean isMain) throws IOException {
    int cacheBits = 0;
    if (in.flag()) {
      cacheBits = in.read(4);
      if (cacheBits < 1 || cacheBits > MAX_CACHE_BITS) {
        throw new IOException("the picture has a cache of " + cacheBits + " bits");
      }
    }
    int[] groupOf = {};
    int groupBits = 0;
    int groups = 1;
    if (isMain && in.flag()) {
      groupBits = 2 + in.read(3);
      groupOf = image(parts(width, groupBits), parts(height, groupBits), false);
      for (int i = 0; i < groupOf.length; i++) {
        groupOf[i] = groupOf[i] >> 8 & 0xffff;
        groups = Math.max(groups, groupOf[i] + 1);
      }
    }
    PrefixCode[][] codes = new PrefixCode[groups][];
    int greens = LITERALS + LENGTHS + (cacheBits > 0 ? 1 << cacheBits : 0);
    int[] sizes = {greens, LITERALS, LITERALS, LITERALS, DISTANCES};
    for (int i = 0; i < groups; i++) {
      codes[i] = new PrefixCode[sizes.length];
      for (int j = 0; j < sizes.length; j++) {
        codes[i][j] = PrefixCode.read(in, sizes[j], groups <= FAST_GROUPS);
      }
    }
    int[] cache = new int[cacheBits > 0 ? 1 << cacheBits : 0];
    int[] out = new int[Math.multiplyExact(width, height)];
    int perRow = parts(width, groupBits);
    for (int at = 0; at < out.length; ) {
      PrefixCode[] code = codes[0];
      if (groupOf.length > 0) {
        code = codes[groupOf[(at / width >> groupBits) * perRow + (at % width >> groupBits)]];
      }
      int count = 1;
      int symbol = code[0].next(in);
      if (symbol < LITERALS) {
        int red = code[1].next(in);
        int blue = code[2].next(in);
        out[at] = code[3].next(in) << 24 | red << 16 | symbol << 8 | blue;
      } else if (symbol < LITERALS + LENGTHS) {
        count = count(symbol - LITERALS);
        int distance = distance(count(code[4].next(in)), width);
        if (distance > at || count > out.length - at) {
          throw new IOException("the picture copies pixels that do not exist");
        }
        for (int i = at; i < at + count; i++) {
          out[i] = out[i - distance];
        }
      } else {
        out[at] = cache[symbol - LITERALS - LENGTHS];
      }
      in.requireNotBeyond();
      for (int i = at; cacheBits > 0 && i < at + count; i++) {
        cache[0x1e35a7bd * out[i] >>> (32 - cacheBits)] = out[i];
      }
      at += count;
    }
    return out;
  }

  /** A length or a distance: a prefix and some bits. */
  private int count(int prefix) {
    if (prefix < 4) {
      return prefix + 1;
    }
    int bits = (prefix - 2) / 2;
    return ((2 + (prefix & 1)) << bits) + in.read(bits) + 1;
  }

  /** Small distances mean positions near the pixel, in two dimensions. */
  private static int distance(int code, int width) {
    if (code > NEAR.length) {
      return code - NEAR.length;
    }
    int[] near = NEAR[code - 1];
    return Math.max(1, near[0] + near[1] * width);
  }

  /** Columns to the left and rows above, for the codes from 1. */
  private static final int[][] NEAR =
      Arrays.stream(
              """
              0,1 1,0 1,1 -1,1 0,2 2,0 1,2 -1,2 2,1 -2,1 2,2 -2,2
              0,3 3,0 1,3 -1,3 3,1 -3,1 2,3 -2,3 3,2 -3,2 0,4 4,0
              1,4 -1,4 4,1 -4,1 3,3 -3,3 2,4 -2,4 4,2 -4,2 0,5 3,4
              -3,4 4,3 -4,3 5,0 1,5 -1,5 5,1 -5,1 2,5 -2,5 5,2 -5,2
              4,4 -4,4 3,5 -3,5 5,3 -5,3 0,6 6,0 1,6 -1,6 6,1 -6,1
              2,6 -2,6 6,2 -6,2 4,5 -4,5 5,4 -5,4 3,6 -3,6 6,3 -6,3
              0,7 7,0 1,7 -1,7 5,5 -5,5 7,1 -7,1 4,6 -4,6 6,4 -6,4
              2,7 -2,7 7,2 -7,2 3,7 -3,7 7,3 -7,3 5,6 -5,6 6,5 -6,5
              8,0 4,7 -4,7 7,4 -7,4 8,1 8,2 6,6 -6,6 8,3 5,7 -5,7
              7,5 -7,5 8,4 6,7 -6,7 7,6 -7,6 8,5 7,7 -7,7 8,6 8,7
              """
                  .strip()
                  .split("\\s+"))
          .map(pair -> Arrays.stream(pair.split(",")).mapToInt(Integer::parseInt).toArray())
          .toArray(int[][]::new);
}
