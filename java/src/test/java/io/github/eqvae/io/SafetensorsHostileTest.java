package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.github.eqvae.io.SafetensorsException.Reason;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Hostile files: each is refused, and for its own reason. */
class SafetensorsHostileTest {
  /** What refusing one of them may allocate; the largest has a megabyte. */
  private static final long MEMORY = 16 << 20;

  @TempDir Path directory;

  private static byte[] file(long claimed, byte[] header, int data) {
    return ByteBuffer.allocate(8 + header.length + data)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(claimed)
        .put(header)
        .array();
  }

  private static byte[] file(String header, int data) {
    byte[] bytes = header.getBytes(StandardCharsets.UTF_8);
    return file(bytes.length, bytes, data);
  }

  private static String entry(String name, String dtype, String shape, String offsets) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}"
        .formatted(name, dtype, shape, offsets);
  }

  private static byte[] one(String dtype, String shape, String offsets, int data) {
    return file("{" + entry("w", dtype, shape, offsets) + "}", data);
  }

  private static byte[] two(String first, String second, int data) {
    return file("{" + first + "," + second + "}", data);
  }

  private static Arguments hostile(String what, Reason reason, byte[] bytes) {
    return Arguments.of(what, reason, bytes);
  }

  static Stream<Arguments> hostileFiles() {
    byte[] notUtf8 = "{\"w\":1}".getBytes(StandardCharsets.ISO_8859_1);
    notUtf8[2] = (byte) 0xff;
    byte[] overlong = "{\"ww\":1}".getBytes(StandardCharsets.ISO_8859_1);
    overlong[2] = (byte) 0xc0;
    overlong[3] = (byte) 0xaf;
    String a = entry("a", "U8", "[4]", "[0,4]");
    return Stream.of(
        hostile("empty file", Reason.HEADER_TOO_SMALL, new byte[0]),
        hostile("seven bytes", Reason.HEADER_TOO_SMALL, new byte[7]),
        hostile("100 MB + 1", Reason.HEADER_TOO_LARGE, file(100_000_001, new byte[2], 0)),
        hostile("length 2^64 - 1", Reason.HEADER_TOO_LARGE, file(-1, new byte[2], 0)),
        hostile("length 2^63", Reason.HEADER_TOO_LARGE, file(Long.MIN_VALUE, new byte[2], 0)),
        hostile("length past the end", Reason.INVALID_HEADER_LENGTH, file(3, "{}".getBytes(), 0)),
        hostile("header of no bytes", Reason.INVALID_HEADER_START, file(0, new byte[0], 0)),
        hostile("leading space", Reason.INVALID_HEADER_START, file(" {}", 0)),
        hostile("an array", Reason.INVALID_HEADER_START, file("[]", 0)),
        hostile("byte order mark", Reason.INVALID_HEADER_START, file("\ufeff{}", 0)),
        hostile("0xff", Reason.INVALID_UTF8, file(notUtf8.length, notUtf8, 0)),
        hostile("overlong slash", Reason.INVALID_UTF8, file(overlong.length, overlong, 0)),
        hostile("cut JSON", Reason.INVALID_JSON, file("{\"w\":{\"dtype\":", 0)),
        hostile("trailing comma", Reason.INVALID_JSON, two(a, "", 4)),
        hostile("second value", Reason.INVALID_JSON, file("{}{}", 0)),
        hostile("NUL padding", Reason.INVALID_JSON, file("{}\0\0", 0)),
        hostile("NaN", Reason.INVALID_JSON, file("{\"w\":NaN}", 0)),
        hostile("a million braces", Reason.INVALID_JSON, file("{\"w\":".repeat(200_000), 0)),
        hostile("name twice", Reason.DUPLICATE_KEY, two(a, a, 4)),
        hostile(
            "name twice, once escaped",
            Reason.DUPLICATE_KEY,
            two(a, entry("\\u0061", "U8", "[4]", "[4,8]"), 8)),
        hostile(
            "field twice",
            Reason.DUPLICATE_KEY,
            file(
                "{\"w\":{\"dtype\":\"U8\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,4]}}",
                4)),
        hostile(
            "metadata twice",
            Reason.DUPLICATE_KEY,
            file("{\"__metadata__\":{},\"__metadata__\":{}}", 0)),
        hostile(
            "metadata of numbers",
            Reason.INVALID_METADATA,
            file("{\"__metadata__\":{\"a\":1}}", 0)),
        hostile("metadata a list", Reason.INVALID_METADATA, file("{\"__metadata__\":[]}", 0)),
        hostile(
            "metadata spelt otherwise is a tensor",
            Reason.INVALID_ENTRY,
            file("{\"__METADATA__\":{\"a\":\"b\"}}", 0)),
        hostile("entry a number", Reason.INVALID_ENTRY, file("{\"w\":1}", 0)),
        hostile(
            "no dtype",
            Reason.INVALID_ENTRY,
            file("{\"w\":{\"shape\":[4],\"data_offsets\":[0,4]}}", 4)),
        hostile(
            "no shape",
            Reason.INVALID_ENTRY,
            file("{\"w\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1)),
        hostile(
            "no offsets",
            Reason.INVALID_ENTRY,
            file("{\"w\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1)),
        hostile("one offset", Reason.INVALID_ENTRY, one("U8", "[4]", "[4]", 4)),
        hostile("three offsets", Reason.INVALID_ENTRY, one("U8", "[4]", "[0,4,4]", 4)),
        hostile("fraction", Reason.INVALID_ENTRY, one("U8", "[4.0]", "[0,4]", 4)),
        hostile("exponent", Reason.INVALID_ENTRY, one("U8", "[4e0]", "[0,4]", 4)),
        hostile("shape of strings", Reason.INVALID_ENTRY, one("U8", "[\"4\"]", "[0,4]", 4)),
        hostile("nested shape", Reason.INVALID_ENTRY, one("U8", "[[4]]", "[0,4]", 4)),
        hostile("dtype F33", Reason.UNKNOWN_DTYPE, one("F33", "[1]", "[0,4]", 4)),
        hostile("dtype f32", Reason.UNKNOWN_DTYPE, one("f32", "[1]", "[0,4]", 4)),
        hostile("negative dimension", Reason.NEGATIVE_SIZE, one("U8", "[-4,-1]", "[0,4]", 4)),
        hostile("negative offset", Reason.NEGATIVE_SIZE, one("U8", "[4]", "[-4,0]", 4)),
        hostile(
            "dimension over 2^64",
            Reason.OVERFLOW,
            one("U8", "[18446744073709551620]", "[0,4]", 4)),
        hostile(
            "product 2^64 + 0", Reason.OVERFLOW, one("U8", "[4294967296,4294967296]", "[0,0]", 0)),
        hostile("bits overflow", Reason.OVERFLOW, one("F64", "[288230376151711744]", "[0,0]", 0)),
        hostile("three halves of a byte", Reason.MISALIGNED, one("F4", "[3]", "[0,1]", 1)),
        hostile("hole at the start", Reason.INVALID_OFFSET, one("U8", "[4]", "[1,5]", 5)),
        hostile("minus zero", Reason.NEGATIVE_SIZE, one("U8", "[0]", "[0,-0]", 0)),
        hostile(
            "end before begin", Reason.INVALID_OFFSET, two(a, entry("b", "U8", "[4]", "[4,0]"), 4)),
        hostile("overlap", Reason.INVALID_OFFSET, two(a, entry("b", "U8", "[4]", "[2,6]"), 6)),
        hostile(
            "same bytes twice", Reason.INVALID_OFFSET, two(a, entry("b", "U8", "[4]", "[0,4]"), 4)),
        hostile("hole", Reason.INVALID_OFFSET, two(a, entry("b", "U8", "[4]", "[5,9]"), 9)),
        hostile("shape too large", Reason.SIZE_MISMATCH, one("U8", "[5]", "[0,4]", 4)),
        hostile("dtype too wide", Reason.SIZE_MISMATCH, one("F32", "[4]", "[0,4]", 4)),
        hostile(
            "a terabyte claimed",
            Reason.INCOMPLETE_COVER,
            one("U8", "[1000000000000]", "[0,1000000000000]", 4)),
        hostile("cut data", Reason.INCOMPLETE_COVER, one("U8", "[4]", "[0,4]", 3)),
        hostile("stray byte", Reason.INCOMPLETE_COVER, one("U8", "[4]", "[0,4]", 5)),
        hostile("stray data without tensors", Reason.INCOMPLETE_COVER, file("{}", 1)));
  }

  @Test
  void isRefusedWhereverItIsCut() throws IOException {
    byte[] whole =
        two(entry("a", "F32", "[2,3]", "[0,24]"), entry("b", "U8", "[4]", "[24,28]"), 28);
    Path file = directory.resolve("cut.safetensors");
    Files.write(file, whole);
    SafetensorsFile.open(file).close();
    for (int length = 0; length < whole.length; length++) {
      Files.write(file, java.util.Arrays.copyOf(whole, length));
      assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(file), "at " + length);
    }
  }

  /** As large as a header may be, and nothing but braces: its characters, then a text of them. */
  @Test
  void aHeaderOfTheLargestSizeTakesThreeTimesItself() throws IOException {
    Path file = directory.resolve("large.safetensors");
    byte[] braces = "{\"w\":".repeat(1 << 15).getBytes(StandardCharsets.UTF_8);
    try (var out = new java.io.BufferedOutputStream(Files.newOutputStream(file))) {
      int length = 100_000_000;
      out.write(file(length, new byte[0], 0));
      for (int left = length; left > 0; left -= braces.length) {
        out.write(braces, 0, Math.min(left, braces.length));
      }
    }
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long allocated = threads.getCurrentThreadAllocatedBytes();
    SafetensorsException e =
        assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(file));
    allocated = threads.getCurrentThreadAllocatedBytes() - allocated;
    assertEquals(Reason.INVALID_JSON, e.reason());
    assertTrue(allocated < 350_000_000, "allocates " + allocated + " bytes for 100 MB");
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("hostileFiles")
  void isRefusedForItsReason(String what, Reason reason, byte[] bytes) throws IOException {
    Path file = Files.write(directory.resolve("hostile.safetensors"), bytes);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long allocated = threads.getCurrentThreadAllocatedBytes();
    SafetensorsException e =
        assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(file).close());
    allocated = threads.getCurrentThreadAllocatedBytes() - allocated;
    assertTrue(allocated < MEMORY, what + " allocates " + allocated + " bytes");
    assertEquals(reason, e.reason(), what + ": " + e.getMessage());
    assertTrue(e.getMessage().contains("hostile.safetensors"), e.getMessage());
  }

  /** Seen: the published .pth was named, and nothing said how it becomes what is asked for. */
  @Test
  void aFileOfPyTorchIsToldHowToConvert() throws IOException {
    Path file = directory.resolve("inception.pth");
    Files.write(file, file(0x0000_0008_0403_4b50L, new byte[64], 0)); // PK 3 4 …
    SafetensorsException refused =
        assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(file).close());
    assertTrue(refused.getMessage().contains("eqvae weights` converts"), refused.getMessage());
  }
}
