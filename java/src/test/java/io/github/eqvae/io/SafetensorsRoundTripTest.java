package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.SafetensorsWriter.Entry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is written is read back, and is what the reference implementation writes. */
class SafetensorsRoundTripTest {
  @TempDir Path directory;

  private static Entry raw(String name, String dtype, long[] shape, int... bytes) {
    byte[] array = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      array[i] = (byte) bytes[i];
    }
    return new Entry(name, dtype, shape, MemorySegment.ofArray(array));
  }

  /** The bytes follow from the format: widest type first, then by name, header padded to 8. */
  @Test
  void writesTheReferenceLayout() throws IOException {
    Path file = directory.resolve("a.safetensors");
    SafetensorsWriter.write(
        file,
        List.of(
            raw("z", "U8", new long[] {3}, 1, 2, 3),
            raw("scalar", "F32", new long[] {}, 0, 0, 128, 63),
            raw("h", "BF16", new long[] {1, 1}, 128, 63),
            raw("a", "F32", new long[] {0, 7})),
        Map.of("format", "pt"));
    String header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[0,0]},"
            + "\"scalar\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
            + "\"h\":{\"dtype\":\"BF16\",\"shape\":[1,1],\"data_offsets\":[4,6]},"
            + "\"z\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[6,9]}}";
    int padded = (header.length() + 7) / 8 * 8;
    byte[] bytes = Files.readAllBytes(file);
    assertEquals(8 + padded + 9, bytes.length);
    assertEquals(
        header + " ".repeat(padded - header.length()),
        new String(bytes, 8, padded, StandardCharsets.UTF_8));
    assertEquals(padded & 0xff, bytes[0] & 0xff);
    try (SafetensorsFile open = SafetensorsFile.open(file)) {
      assertEquals(List.of("a", "scalar", "h", "z"), open.names());
      assertEquals(Map.of("format", "pt"), open.metadata());
      assertArrayEquals(new float[] {1}, open.floats("scalar"));
      assertArrayEquals(new float[] {1}, open.floats("h"));
      assertArrayEquals(new float[0], open.floats("a"));
      assertArrayEquals(new byte[] {1, 2, 3}, open.segment("z").toArray(ValueLayout.JAVA_BYTE));
      assertEquals(new TensorInfo("BF16", new long[] {1, 1}, 4, 6), open.info("h"));
      assertTrue(open.segment("z").isReadOnly());
      assertFalse(open.contains("Z"));
    }
  }

  @Test
  void orderOfTheEntriesDoesNotMatter() throws IOException {
    List<Entry> entries = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      entries.add(Entry.floats("block." + i + ".weight", new float[] {i, -i}, 2));
    }
    Path one = directory.resolve("one");
    Path two = directory.resolve("two");
    SafetensorsWriter.write(one, entries, Map.of("a", "1", "b", "2", "c", "3"));
    Collections.reverse(entries);
    SafetensorsWriter.write(two, entries, Map.of("c", "3", "b", "2", "a", "1"));
    assertEquals(-1, Files.mismatch(one, two));
  }

  @Test
  void floatsConvertEveryFloatType() throws IOException {
    Path file = directory.resolve("types");
    float[] values = {0f, -0f, 1.5f, -2f, Float.POSITIVE_INFINITY, 0x1p-24f};
    byte[] half = new byte[12];
    byte[] wide = new byte[48];
    MemorySegment wideSegment = MemorySegment.ofArray(wide);
    MemorySegment halfSegment = MemorySegment.ofArray(half);
    for (int i = 0; i < values.length; i++) {
      halfSegment.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, Float.floatToFloat16(values[i]));
      wideSegment.set(ValueLayout.JAVA_DOUBLE_UNALIGNED, 8L * i, values[i]);
    }
    long[] shape = {6};
    SafetensorsWriter.write(
        file,
        List.of(
            Entry.floats("f32", values, 2, 3),
            new Entry("f16", "F16", shape, halfSegment),
            new Entry("f64", "F64", shape, wideSegment),
            raw("odd", "U8", new long[] {1}, 1),
            raw("i64", "I64", new long[] {1}, 1, 0, 0, 0, 0, 0, 0, 0)),
        Map.of());
    try (SafetensorsFile open = SafetensorsFile.open(file)) {
      for (String name : List.of("f32", "f16", "f64")) {
        assertArrayEquals(values, open.floats(name), name);
      }
      EqvaeException.Argument type =
          assertThrows(EqvaeException.Argument.class, () -> open.floats("i64"));
      assertTrue(type.getMessage().contains("I64"), type.getMessage());
      EqvaeException.Argument name =
          assertThrows(EqvaeException.Argument.class, () -> open.info("nope"));
      assertTrue(name.getMessage().contains("nope"), name.getMessage());
    }
  }

  /** A sparse file over 4 GiB: offsets are long everywhere. */
  @Test
  void readsBeyondFourGibibytes() throws IOException {
    long big = 5L << 30;
    String header =
        "{\"a\":{\"dtype\":\"U8\",\"shape\":["
            + big
            + "],\"data_offsets\":[0,"
            + big
            + "]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":["
            + big
            + ","
            + (big + 4)
            + "]}}";
    Path file = directory.resolve("big");
    try (var raf = new java.io.RandomAccessFile(file.toFile(), "rw")) {
      raf.writeLong(Long.reverseBytes(header.length()));
      raf.writeBytes(header);
      raf.seek(8 + header.length() + big);
      raf.writeInt(Integer.reverseBytes(Float.floatToIntBits(42f)));
    }
    try (SafetensorsFile open = SafetensorsFile.open(file)) {
      assertArrayEquals(new float[] {42f}, open.floats("b"));
      assertEquals(big, open.segment("a").byteSize());
      assertThrows(EqvaeException.Argument.class, () -> open.floats("a"));
    }
  }

  @Test
  void badEntriesAreRefused() {
    MemorySegment four = MemorySegment.ofArray(new byte[4]);
    long[] one = {1};
    assertThrows(EqvaeException.Argument.class, () -> new Entry("__metadata__", "F32", one, four));
    assertThrows(EqvaeException.Argument.class, () -> new Entry("a", "F31", one, four));
    assertThrows(EqvaeException.Argument.class, () -> new Entry("a", "F64", one, four));
    assertThrows(
        EqvaeException.Argument.class, () -> new Entry("a", "U8", new long[] {-2, -2}, four));
    List<Entry> twice =
        List.of(new Entry("a", "F32", one, four), new Entry("a", "U8", new long[] {4}, four));
    Path file = directory.resolve("twice");
    assertThrows(
        EqvaeException.Argument.class, () -> SafetensorsWriter.write(file, twice, Map.of()));
    assertFalse(Files.exists(file));
  }

  @Test
  void writesNativeMemoryInChunks() throws IOException {
    Path file = directory.resolve("native");
    long bytes = (33L << 20) + 3;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(bytes);
      for (long i = 0; i < bytes; i += 4097) {
        segment.set(ValueLayout.JAVA_BYTE, i, (byte) (i / 4097));
      }
      SafetensorsWriter.write(
          file, List.of(new Entry("a", "U8", new long[] {bytes}, segment)), Map.of());
      try (SafetensorsFile open = SafetensorsFile.open(file)) {
        assertEquals(-1, open.segment("a").mismatch(segment));
      }
    }
  }

  @Test
  void afterCloseTheDataIsGone() throws IOException {
    Path file = directory.resolve("closed");
    SafetensorsWriter.write(file, List.of(Entry.floats("a", new float[] {1}, 1)), Map.of());
    SafetensorsFile open = SafetensorsFile.open(file);
    open.close();
    assertThrows(IllegalStateException.class, () -> open.floats("a"));
  }

  @Test
  void aFailedWriteLeavesTheOldFile() throws IOException {
    Path file = directory.resolve("kept");
    AtomicFiles.write(file, "old");
    IOException thrown =
        assertThrows(
            IOException.class,
            () ->
                AtomicFiles.write(
                    file,
                    channel -> {
                      channel.write(java.nio.ByteBuffer.wrap(new byte[100]));
                      throw new IOException("disk full");
                    }));
    assertEquals(file + " could not be written: disk full", thrown.getMessage());
    assertEquals("old", Files.readString(file));
    AtomicFiles.write(file, "new");
    assertEquals("new", Files.readString(file));
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(List.of(file), files.toList());
    }
  }

  @Test
  void leftoversOfKilledProcessesAreRemoved() throws IOException {
    Path kept = Files.writeString(directory.resolve("model.safetensors"), "x");
    Files.writeString(directory.resolve(".model.safetensors.0.eqvae-tmp"), "half");
    assertEquals(1, AtomicFiles.removeLeftovers(directory));
    assertTrue(Files.exists(kept));
  }

  @Test
  void directoriesMoveOnce() throws IOException {
    Path temporary = Files.createDirectory(directory.resolve("t"));
    AtomicFiles.write(temporary.resolve("f"), "x");
    Path target = directory.resolve("step-1");
    AtomicFiles.moveDirectory(temporary, target);
    assertEquals("x", Files.readString(target.resolve("f")));
    Path again = Files.createDirectory(directory.resolve("t"));
    assertThrows(IOException.class, () -> AtomicFiles.moveDirectory(again, target));
  }
}
