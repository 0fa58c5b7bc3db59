package io.github.eqvae.io;

/**
 * PPM, PGM and PBM files: text (P1, P2, P3) and bytes (P4, P5, P6). Samples of another range than
 * 0..255 are scaled as by Pillow, rounding halves up. Source: the netpbm manual pages.
 */
final class Pnm {
  private static final int MAX_DIGITS = 9;

  private final byte[] file;
  private final String name;
  private int at = 2;

  private Pnm(byte[] file, String name) {
    this.file = file;
    this.name = name;
  }

  /** Whether a file begins like one: P1 to P6, white space, then a number or a comment. */
  static boolean matches(byte[] start) {
    if (start.length < 4 || start[0] != 'P' || start[1] < '1' || start[1] > '6') {
      return false;
    }
    int next = 2;
    while (next < start.length && isSpace(start[next])) {
      next++;
    }
    return next > 2 && next < start.length && (start[next] == '#' || isDigit(start[next]));
  }

  static Image read(byte[] file, String name, DecodeOptions options) throws ImageException {
    return new Pnm(file, name).read(options);
  }

  private Image read(DecodeOptions options) throws ImageException {
    int kind = file[1] - '0';
    int width = number();
    int height = number();
    Images.checkSize(name, width, height, options);
    int bytesPerPixel = ImageFormat.PNM.bytesPerPixel();
    try (DecodeMemory.Share _ = DecodeMemory.HEAP.reserve(name, width, height, bytesPerPixel)) {
      return samples(kind, width, height, options);
    }
  }

  private Image samples(int kind, int width, int height, DecodeOptions options)
      throws ImageException {
    boolean isText = kind <= 3;
    int channels = kind % 3 == 0 ? 3 : 1;
    boolean isBits = kind % 3 == 1;
    int max = isBits ? 1 : number();
    if (max < 1 || max > 65535) {
      throw new ImageException(name, "has samples up to " + max + ", expected 1 to 65535");
    }
    int count = width * height * channels;
    if (!isText) {
      at++; // one white space after the numbers
    }
    int sampleBytes = max > 255 ? 2 : 1;
    int rowBits = (width + 7) / 8;
    long needed = isBits ? (long) rowBits * height : (long) count * sampleBytes;
    // as text, a sample has at least one byte
    if (file.length - at < (isText ? count : needed)) {
      throw new ImageException(name, "the file is cut short");
    }
    // Pillow scales gray of more than 8 bits to 16 bits, and then converts it like other 16-bit
    // samples.
    boolean isClipped = max > 255 && channels == 1 && options.depth() == DecodeOptions.Depth.PILLOW;
    byte[] out = new byte[count];
    for (int i = 0; i < count; i++) {
      int sample;
      if (isText) {
        sample = isBits ? digit() : number();
      } else if (isBits) {
        int x = i % width;
        sample = file[at + i / width * rowBits + x / 8] >> (7 - x % 8) & 1;
      } else if (sampleBytes == 2) {
        sample = (file[at + 2 * i] & 0xff) << 8 | file[at + 2 * i + 1] & 0xff;
      } else {
        sample = file[at + i] & 0xff;
      }
      int top = isClipped ? 65535 : 255;
      int scaled = max == top ? sample : (int) Math.rint((double) sample / max * top); // Pillow's
      // in a bitmap ones are black
      out[i] = (byte) (isBits ? 255 * (1 - sample) : Math.min(255, scaled));
    }
    return new Image(width, height, channels, out);
  }

  private int number() throws ImageException {
    skipSpace();
    int value = 0;
    int digits = 0;
    while (at < file.length && isDigit(file[at])) {
      if (++digits > MAX_DIGITS) {
        throw new ImageException(name, "has a number of more than " + MAX_DIGITS + " digits");
      }
      value = 10 * value + file[at++] - '0';
    }
    if (digits == 0) {
      throw new ImageException(
          name, at < file.length ? "has no number at byte " + at : "the file is cut short");
    }
    return value;
  }

  private int digit() throws ImageException {
    skipSpace();
    if (at >= file.length || (file[at] != '0' && file[at] != '1')) {
      throw new ImageException(name, "has neither 0 nor 1 at byte " + at);
    }
    return file[at++] - '0';
  }

  private void skipSpace() {
    while (at < file.length && (isSpace(file[at]) || file[at] == '#')) {
      if (file[at] == '#') {
        while (at < file.length && file[at] != '\n' && file[at] != '\r') {
          at++;
        }
      } else {
        at++;
      }
    }
  }

  private static boolean isSpace(byte b) {
    return b == ' ' || (b >= '\t' && b <= '\r');
  }

  private static boolean isDigit(byte b) {
    return b >= '0' && b <= '9';
  }
}
