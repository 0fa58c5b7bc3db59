package io.github.eqvae.io.webp;

import java.io.IOException;

/** A canonical prefix code of VP8L (RFC 9649, section 3.7.2). */
final class PrefixCode {
  private static final int MAX_LENGTH = 15;
  private static final int FAST_BITS = 8;

  /** The order in which the lengths of the code for lengths are stored. */
  private static final int[] LENGTH_ORDER = {
    17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  };

  private static final int FIRST_PREVIOUS = 8;

  /** How many symbols have each length; the symbols by length, then by number. */
  private final int[] counts = new int[MAX_LENGTH + 1];

  private final short[] symbols;

  /** Table for the next bits: {@code symbol << 4 | length}, 0 if the code is longer. */
  private final int[] fast;

  private final int fastBits;

  private PrefixCode(byte[] lengths, boolean isFast) throws IOException {
    int longest = 0;
    for (byte length : lengths) {
      counts[length]++;
      longest = Math.max(longest, length);
    }
    symbols = new short[lengths.length - counts[0]];
    counts[0] = 0;
    int[] next = new int[MAX_LENGTH + 2];
    int open = 1;
    for (int l = 1; l <= MAX_LENGTH; l++) {
      next[l + 1] = next[l] + counts[l];
      open = 2 * open - counts[l];
      if (open < 0) {
        throw new IOException("a prefix code has too many symbols");
      }
    }
    // a single symbol needs no bits
    if (symbols.length != 1 && open > 0) {
      throw new IOException("a prefix code has too few symbols");
    }
    for (int i = 0; i < lengths.length; i++) {
      if (lengths[i] > 0) {
        symbols[next[lengths[i]]++] = (short) i;
      }
    }
    fastBits = isFast ? Math.min(FAST_BITS, longest) : 0;
    fast = new int[1 << fastBits];
    if (symbols.length > 1) {
      fill();
    }
  }

  private void fill() {
    int code = 0;
    int at = 0;
    for (int l = 1; l <= fastBits; l++, code <<= 1) {
      for (int i = 0; i < counts[l]; i++, code++, at++) {
        int reversed = Integer.reverse(code) >>> (32 - l);
        for (int j = reversed; j < fast.length; j += 1 << l) {
          fast[j] = symbols[at] << 4 | l;
        }
      }
    }
  }

  /**
   * Reads a code.
   *
   * @param size of the alphabet, at most 2328
   * @param isFast whether to use a table, which takes a kilobyte
   */
  static PrefixCode read(BitReader in, int size, boolean isFast) throws IOException {
    byte[] lengths = new byte[size];
    if (in.flag()) {
      boolean isPair = in.flag();
      int first = in.read(in.flag() ? 8 : 1);
      int second = isPair ? in.read(8) : first;
      if (first >= size || second >= size) {
        throw new IOException("a prefix code has a symbol that does not exist");
      }
      lengths[first] = 1;
      lengths[second] = 1;
    } else {
      readLengths(in, lengths);
    }
    in.requireNotBeyond();
    return new PrefixCode(lengths, isFast);
  }

  private static void readLengths(BitReader in, byte[] lengths) throws IOException {
    byte[] ofLengths = new byte[LENGTH_ORDER.length];
    int told = 4 + in.read(4);
    if (told > LENGTH_ORDER.length) {
      throw new IOException("a prefix code has too many lengths");
    }
    for (int i = 0; i < told; i++) {
      ofLengths[LENGTH_ORDER[i]] = (byte) in.read(3);
    }
    PrefixCode code = new PrefixCode(ofLengths, true);
    int left = in.flag() ? 2 + in.read(2 + 2 * in.read(3)) : lengths.length;
    if (left > lengths.length) {
      throw new IOException("a prefix code has too many symbols");
    }
    int previous = FIRST_PREVIOUS;
    for (int i = 0; i < lengths.length && left > 0; left--) {
      int symbol = code.next(in);
      if (symbol < 16) {
        lengths[i++] = (byte) symbol;
        previous = symbol > 0 ? symbol : previous;
        continue;
      }
      int repeat =
          switch (symbol) {
            case 16 -> 3 + in.read(2);
            case 17 -> 3 + in.read(3);
            default -> 11 + in.read(7);
          };
      if (repeat > lengths.length - i) {
        throw new IOException("a prefix code has too many symbols");
      }
      for (int end = i + repeat; i < end; i++) {
        lengths[i] = (byte) (symbol == 16 ? previous : 0);
      }
    }
  }

  /** Reads a symbol. */
  int next(BitReader in) throws IOException {
    if (symbols.length == 1) {
      return symbols[0];
    }
    int bits = in.peek(MAX_LENGTH);
    int entry = fast[bits & (fast.length - 1)];
    if (entry != 0) {
      in.skip(entry & 15);
      return entry >> 4;
    }
    int code = 0;
    int first = 0;
    int index = 0;
    for (int l = 1; l <= MAX_LENGTH; l++) {
      code |= bits >> (l - 1) & 1;
      if (code - first < counts[l]) {
        in.skip(l);
        return symbols[index + code - first];
      }
      index += counts[l];
      first = first + counts[l] << 1;
      code <<= 1;
    }
    throw new IOException("a prefix code has no end");
  }
}
