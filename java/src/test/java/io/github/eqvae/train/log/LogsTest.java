package io.github.eqvae.train.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LogsTest {
  @TempDir Path folder;

  @Test
  void aResumedLogReadsAsIfNothingHadHappened() throws IOException {
    Path file = folder.resolve("metrics.jsonl");
    try (RunLog log = new RunLog(file, 0)) {
      for (int step = 1; step <= 5; step++) {
        log.write("step", step, Map.of("total", step / 10.0));
      }
      log.write("step", 6, Map.of("total", Double.NaN));
    }
    Files.writeString(file, "{\"event\": \"st", StandardOpenOption.APPEND); // killed while writing
    assertEquals(6, RunLog.read(file).size());
    try (RunLog log = new RunLog(file, 3)) {
      log.write("step", 4, Map.of("total", 0.4));
    }
    List<Map<String, Object>> lines = RunLog.read(file);
    assertEquals(4, lines.size());
    assertEquals(4L, lines.getLast().get("step"));
    assertEquals(0.1, lines.getFirst().get("total"));
  }

  @Test
  void aBrokenLineInTheMiddleIsNamed() throws IOException {
    Path file = folder.resolve("metrics.jsonl");
    Files.writeString(file, "{\"step\": 1}\nnonsense\n{\"step\": 2}\n");
    IOException e = assertThrows(IOException.class, () -> RunLog.read(file));
    assertTrue(e.getMessage().contains("line 2"), e.getMessage());
  }

  private static int masked(byte[] data) {
    CRC32C crc = new CRC32C();
    crc.update(data);
    long v = crc.getValue();
    return (int) ((v >>> 15 | v << 17) + 0xa282ead8L);
  }

  /** The frames of a TFRecord file, both check sums verified. */
  private static List<byte[]> records(Path file) throws IOException {
    List<byte[]> out = new ArrayList<>();
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    while (in.hasRemaining()) {
      byte[] length = new byte[8];
      in.get(length);
      assertEquals(masked(length), in.getInt(), "check sum of the length");
      byte[] data =
          new byte[(int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()];
      in.get(data);
      assertEquals(masked(data), in.getInt(), "check sum of the data");
      out.add(data);
    }
    return out;
  }

  /** Fields of a protocol buffer as text: number=value, nested messages as bytes. */
  private static List<Map.Entry<Integer, Object>> fields(byte[] message) throws IOException {
    List<Map.Entry<Integer, Object>> out = new ArrayList<>();
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(message));
    while (in.available() > 0) {
      long key = varint(in);
      int field = (int) (key >>> 3);
      switch ((int) (key & 7)) {
        case 0 -> out.add(Map.entry(field, varint(in)));
        case 1 ->
            out.add(Map.entry(field, Double.longBitsToDouble(Long.reverseBytes(in.readLong()))));
        case 2 -> out.add(Map.entry(field, in.readNBytes((int) varint(in))));
        case 5 ->
            out.add(Map.entry(field, Float.intBitsToFloat(Integer.reverseBytes(in.readInt()))));
        default -> throw new IOException("wire type of " + key);
      }
    }
    return out;
  }

  private static long varint(DataInputStream in) throws IOException {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      int b = in.readUnsignedByte();
      value |= (long) (b & 0x7f) << shift;
      if (b < 0x80) {
        return value;
      }
    }
  }

  private static Object field(byte[] message, int number) throws IOException {
    return fields(message).stream()
        .filter(e -> e.getKey() == number)
        .findFirst()
        .orElseThrow()
        .getValue();
  }

  @Test
  void tensorBoardFilesAreEvents() throws IOException {
    try (TensorBoardWriter board = new TensorBoardWriter(folder, 0)) {
      board.scalar("loss/total", 300, 0.125);
      board.image("samples", 301, new byte[] {1, 2, 3}, 640, 480);
    }
    Path file;
    try (var files = Files.list(folder)) {
      file = files.toList().getFirst();
    }
    assertTrue(file.getFileName().toString().contains("tfevents"));
    List<byte[]> records = records(file);
    assertEquals(4, records.size());
    assertEquals("brain.Event:2", text(field(records.get(0), 3)));
    assertEquals(300L, field(records.get(2), 2));
    byte[] value = (byte[]) field((byte[]) field(records.get(2), 5), 1);
    assertEquals("loss/total", text(field(value, 1)));
    assertEquals(0.125f, field(value, 2));
    byte[] picture = (byte[]) field((byte[]) field((byte[]) field(records.get(3), 5), 1), 4);
    assertEquals(480L, field(picture, 1));
    assertEquals(640L, field(picture, 2));
    assertEquals(3, ((byte[]) field(picture, 4)).length);
  }

  private static boolean isStart(byte[] event) throws IOException {
    for (Map.Entry<Integer, Object> e : fields(event)) {
      if (e.getKey() == 7) {
        return field((byte[]) e.getValue(), 1).equals(1L);
      }
    }
    return false;
  }

  /** The scalars that TensorBoard keeps: a START drops what is not before it, but not the first. */
  private List<Long> steps() throws IOException {
    List<Path> files;
    try (var all = Files.list(folder)) {
      files = all.filter(Files::isRegularFile).sorted().toList();
    }
    List<Long> kept = new ArrayList<>();
    boolean begun = false;
    for (Path file : files) {
      for (byte[] event : records(file)) {
        if (isStart(event)) {
          long from = (Long) field(event, 2);
          if (begun) {
            kept.removeIf(step -> step >= from);
          }
          begun = true;
        } else if (fields(event).stream().anyMatch(e -> e.getKey() == 5)) {
          kept.add((Long) field(event, 2));
        }
      }
    }
    return kept;
  }

  /** Killed at step 5 and resumed from 3, twice, within one second. */
  @Test
  void tensorBoardShowsNoStepTwice() throws IOException {
    for (long from : new long[] {0, 3, 3}) {
      try (TensorBoardWriter board = new TensorBoardWriter(folder, from)) {
        for (long step = from + 1; step <= 5; step++) {
          board.scalar("loss", step, 1);
        }
      }
    }
    assertEquals(List.of(1L, 2L, 3L, 4L, 5L), steps());
  }

  /** A run of a version that wrote no START goes on. */
  @Test
  void earlierVersionsFilesAreSuperseded() throws IOException {
    try (TensorBoardWriter board = new TensorBoardWriter(folder.resolve("new"), 0)) {
      board.scalar("loss", 1, 1);
      board.scalar("loss", 2, 1);
    }
    try (var all = Files.list(folder.resolve("new"))) {
      byte[] whole = Files.readAllBytes(all.findFirst().orElseThrow());
      int start = 16 + length(whole, 0);
      int after = start + 16 + length(whole, start);
      Path old = folder.resolve("events.out.tfevents.1700000000.0.eqvae");
      Files.write(old, Arrays.copyOfRange(whole, 0, start));
      Files.write(old, Arrays.copyOfRange(whole, after, whole.length), StandardOpenOption.APPEND);
    }
    assertEquals(List.of(1L, 2L), steps());
    new TensorBoardWriter(folder, 1).close();
    assertEquals(List.of(1L), steps());
  }

  private static int length(byte[] file, int at) {
    return (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(at);
  }

  /** Two writers at once: each has a folder, which TensorBoard shows as a curve of its own. */
  @Test
  void twoWritersHaveTwoFolders() throws IOException {
    try (TensorBoardWriter first = new TensorBoardWriter(folder, 0);
        TensorBoardWriter second = new TensorBoardWriter(folder, 0)) {
      first.scalar("loss", 1, 1);
      second.scalar("loss", 1, 2);
    }
    assertEquals(List.of(1L), steps());
    assertTrue(Files.isDirectory(folder.resolve("process-" + ProcessHandle.current().pid())));
  }

  private static String text(Object bytes) {
    return new String((byte[]) bytes, StandardCharsets.UTF_8);
  }
}
