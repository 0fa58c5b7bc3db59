package io.github.eqvae.io.torch;

import io.github.eqvae.io.torch.TorchFileException.Reason;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/** Reads the bytes of a pickle in order; each read is checked against the end first. */
final class PickleInput {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The only big-endian value in a pickle. */
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private final Path file;
  private final MemorySegment bytes;
  private long at;

  PickleInput(Path file, MemorySegment bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  /** The number of bytes that were read. */
  long position() {
    return at;
  }

  /** The number of bytes that are left. */
  long remaining() {
    return bytes.byteSize() - at;
  }

  TorchFileException refuse(Reason reason, String detail) {
    return new TorchFileException(file, reason, detail + " (at byte " + at + " of the pickle)");
  }

  private long advance(long length, Object what) throws TorchFileException {
    if (length < 0) {
      throw refuse(Reason.INVALID_PICKLE, what + " has a negative size: " + length);
    }
    if (length > remaining()) {
      throw refuse(
          Reason.TRUNCATED,
          what + " claims " + length + " bytes, " + remaining() + " are left; copy the file again");
    }
    long from = at;
    at += length;
    return from;
  }

  int u1(Object what) throws TorchFileException {
    return bytes.get(ValueLayout.JAVA_BYTE, advance(1, what)) & 0xff;
  }

  int u2(Object what) throws TorchFileException {
    return bytes.get(SHORT, advance(2, what)) & 0xffff;
  }

  int i4(Object what) throws TorchFileException {
    return bytes.get(INT, advance(4, what));
  }

  long u4(Object what) throws TorchFileException {
    return i4(what) & 0xffffffffL;
  }

  /** A length of 8 bytes. From 2^63 on it is negative, which every caller refuses. */
  long i8(Object what) throws TorchFileException {
    return bytes.get(LONG, advance(8, what));
  }

  double f8(Object what) throws TorchFileException {
    return bytes.get(DOUBLE, advance(8, what));
  }

  byte[] bytes(long length, Object what) throws TorchFileException {
    long from = advance(length, what);
    return bytes.asSlice(from, length).toArray(ValueLayout.JAVA_BYTE);
  }

  String utf8(long length, Object what) throws TorchFileException {
    byte[] encoded = bytes(length, what);
    return decode(encoded)
        .orElseThrow(() -> refuse(Reason.INVALID_PICKLE, "a string of " + what + " is not UTF-8"));
  }

  static Optional<String> decode(byte[] encoded) {
    try {
      return Optional.of(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(encoded)).toString());
    } catch (CharacterCodingException e) {
      return Optional.empty();
    }
  }

  /** The text before the next line feed, which is skipped. */
  String line(Object what) throws TorchFileException {
    long limit = Math.min(remaining(), Limits.NAME + 1L);
    for (long length = 0; length < limit; length++) {
      if (bytes.get(ValueLayout.JAVA_BYTE, at + length) == '\n') {
        String text = utf8(length, what);
        advance(1, what);
        return text;
      }
    }
    if (limit > Limits.NAME) {
      throw refuse(
          Reason.LIMIT_EXCEEDED, "a name of " + what + " is longer than " + Limits.NAME + " bytes");
    }
    throw refuse(Reason.TRUNCATED, "a name of " + what + " does not end; copy the file again");
  }
}
