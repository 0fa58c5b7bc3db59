package io.github.eqvae.io.webp;

/** The arithmetic decoder of VP8 (RFC 6386, section 7). After its last byte it reads zeros. */
final class BoolDecoder {
  private final byte[] data;
  private final int end;
  private int at;

  /** Bits that were read and not yet consumed; the upper ones of {@code 8 + bits}. */
  private int value;

  /** How many bits are there beyond the eight that a decision needs; below 0, more must be read. */
  private int bits = -8;

  /** The range of RFC 6386 minus one, 127..254. */
  private int range = 254;

  private boolean exhausted;

  BoolDecoder(byte[] data, int from, int to) {
    this.data = data;
    this.at = from;
    this.end = to;
  }

  /** Whether more bits were requested than the data have. */
  boolean isExhausted() {
    return exhausted;
  }

  /**
   * One decision.
   *
   * @param probability of a zero, in 1/256
   * @return 0 or 1
   */
  int bit(int probability) {
    if (bits < 0) {
      fill();
    }
    int split = range * probability >> 8;
    int bit;
    if (value >> bits > split) {
      range -= split + 1;
      value -= (split + 1) << bits;
      bit = 1;
    } else {
      range = split;
      bit = 0;
    }
    if (range < 127) {
      int shift = Integer.numberOfLeadingZeros(range + 1) - 24;
      range = ((range + 1) << shift) - 1;
      bits -= shift;
    }
    return bit;
  }

  private void fill() {
    if (at < end) {
      value = value << 8 | data[at++] & 0xff;
    } else {
      value <<= 8;
      exhausted = true;
    }
    bits += 8;
  }

  boolean flag() {
    return bit(128) == 1;
  }

  /** A number of several bits, the highest first. */
  int number(int count) {
    int result = 0;
    for (int i = 0; i < count; i++) {
      result = result << 1 | bit(128);
    }
    return result;
  }

  /** A number, followed by its sign. */
  int signed(int count) {
    int result = number(count);
    return flag() ? -result : result;
  }

  /** A signed number if a flag says that there is one, else the given default. */
  int optional(int count, int otherwise) {
    return flag() ? signed(count) : otherwise;
  }
}
