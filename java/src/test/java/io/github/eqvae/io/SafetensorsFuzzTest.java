package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import io.github.eqvae.testing.Results;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files made by changing a good one: each opens or is refused, in bounded memory; nothing else
 * comes out. {@code -Deqvae.safetensors.fuzz=100000} sets the number of cases, {@code
 * -Deqvae.safetensors.fuzz.seed=2} gives others, {@code -Deqvae.fuzz.out=FILE} keeps the figures.
 */
class SafetensorsFuzzTest {
  private static final int CASES = Integer.getInteger("eqvae.safetensors.fuzz", 4_000);
  private static final long SEED = Long.getLong("eqvae.safetensors.fuzz.seed", 1);

  /** The files are of a few hundred bytes; what the reader may allocate for one. */
  private static final long MEMORY = 1 << 20;

  private static final int DATA = 24;

  /** What headers are made of, and what they must not be made of. */
  private static final String[] PIECES = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"a\"",
    "\"b\"",
    "\"dtype\"",
    "\"shape\"",
    "\"data_offsets\"",
    "\"__metadata__\"",
    "\"F32\"",
    "\"BF16\"",
    "\"U8\"",
    "\"F4\"",
    "\"f32\"",
    "0",
    "1",
    "2",
    "4",
    "8",
    "24",
    "-1",
    "-0",
    "1.0",
    "1e9",
    "4294967296",
    "9223372036854775807",
    "18446744073709551616",
    "null",
    "true",
    "NaN",
    "[0,4]",
    "[4,8]",
    "[2,2]",
    "[]",
    "\\u0061",
    "\0",
    " ",
    "\n",
    "\u00e9",
    "\ufeff"
  };

  @TempDir Path directory;

  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private int opened;
  private int refused;

  private static byte[] header() {
    return ("{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"a\":{\"dtype\":\"U8\",\"shape\":[2,2],\"data_offsets\":[0,4]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,8]},"
            + "\"c\":{\"dtype\":\"BF16\",\"shape\":[2,1,4],\"data_offsets\":[8,24]}}")
        .getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] file(byte[] header, int data) {
    return ByteBuffer.allocate(8 + header.length + data)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .array();
  }

  @Test
  void mutationsNeverEscape() throws IOException {
    byte[] header = header();
    byte[] good = file(header, DATA);
    // Before it is counted: the first use of a reader loads its classes, which allocates, too.
    SafetensorsFile.open(Files.write(directory.resolve("good"), good)).close();
    use(good, "the good file");
    assertEquals(1, opened, "the good file is refused");
    long start = System.nanoTime();
    Random random = new Random(SEED);
    for (int i = 0; i < CASES; i++) {
      byte[] bytes =
          switch (i % 4) {
            case 0 -> mutate(good, random);
            // The length is right: the faults are the header's alone.
            case 1 -> file(mutate(header, random), DATA);
            case 2 -> file(pieces(header, random), DATA - 4 + random.nextInt(9));
            default -> file(header, random.nextInt(3) == 0 ? DATA : random.nextInt(2 * DATA));
          };
      use(bytes, "case " + i + " of seed " + SEED);
    }
    Results.say(
        "eqvae.fuzz.out",
        "{\"run\": \"fuzz\", \"parser\": \"safetensors\", \"seed\": %d, \"cases\": %d, \"opened\":"
            + " %d, \"refused\": %d, \"seconds\": %.1f}",
        SEED,
        CASES,
        opened,
        refused,
        (System.nanoTime() - start) * 1e-9);
    assertTrue(
        opened > CASES / 100 && refused > CASES / 2, opened + " opened, " + refused + " refused");
  }

  private static byte[] mutate(byte[] good, Random random) {
    byte[] bytes = good.clone();
    for (int change = random.nextInt(3); change >= 0 && bytes.length > 0; change--) {
      int at = random.nextInt(bytes.length);
      switch (random.nextInt(5)) {
        case 0 -> bytes[at] = (byte) random.nextInt(256);
        case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 2 -> bytes[at] = (byte) ('0' + random.nextInt(10));
        case 3 -> bytes = Arrays.copyOf(bytes, at);
        default -> {
          int length = Math.min(random.nextInt(20), bytes.length - at);
          int to = random.nextInt(bytes.length - length + 1);
          System.arraycopy(good, Math.min(at, good.length - length), bytes, to, length);
        }
      }
    }
    return bytes;
  }

  /** A header with a few pieces put into it, each in the place of some of its bytes. */
  private static byte[] pieces(byte[] header, Random random) {
    byte[] bytes = header;
    for (int change = random.nextInt(4); change >= 0; change--) {
      byte[] piece = PIECES[random.nextInt(PIECES.length)].getBytes(StandardCharsets.UTF_8);
      int at = random.nextInt(bytes.length + 1);
      int gone = Math.min(random.nextInt(8), bytes.length - at);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      out.write(bytes, 0, at);
      out.writeBytes(piece);
      out.write(bytes, at + gone, bytes.length - at - gone);
      bytes = out.toByteArray();
    }
    return bytes;
  }

  private void use(byte[] bytes, String what) throws IOException {
    Path path = Files.write(directory.resolve("mutant"), bytes);
    long allocated = threads.getCurrentThreadAllocatedBytes();
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      long total = 0;
      for (String name : file.names()) {
        assertEquals(file.info(name).bytes(), file.segment(name).byteSize(), what);
        total += file.info(name).bytes();
      }
      assertTrue(total <= bytes.length, what + " has " + total + " bytes of tensors");
      opened++;
    } catch (SafetensorsException e) {
      refused++;
    } catch (RuntimeException | Error e) {
      throw new AssertionError(what + " gives " + e + ": " + HexFormat.of().formatHex(bytes), e);
    }
    allocated = threads.getCurrentThreadAllocatedBytes() - allocated;
    assertTrue(allocated < MEMORY, what + " allocates " + allocated + " bytes");
  }
}
