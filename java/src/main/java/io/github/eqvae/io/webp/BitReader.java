package io.github.eqvae.io.webp;

import java.io.IOException;

/** Reads the bits of VP8L, the lowest bit of a byte first. */
final class BitReader {
  private final byte[] data;
  private final int end;
  private int at;
  private long held;
  private int count;

  BitReader(byte[] data, int from, int to) {
    this.data = data;
    this.at = from;
    this.end = to;
  }

  /** The next bits, at most 24, without consuming them; zeros after the end. */
  int peek(int bits) {
    while (count < bits) {
      held |= (at < end ? data[at] & 0xffL : 0) << count;
      at++;
      count += 8;
    }
    return (int) (held & ((1L << bits) - 1));
  }

  /** Consumes bits. */
  void skip(int bits) {
    held >>>= bits;
    count -= bits;
  }

  int read(int bits) {
    int result = peek(bits);
    skip(bits);
    return result;
  }

  boolean flag() {
    return read(1) == 1;
  }

  /** Fails if more bits were read than the data have. */
  void requireNotBeyond() throws IOException {
    if (8L * (at - end) > count) {
      throw new IOException("the picture is cut short");
    }
  }
}
