package io.github.eqvae.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.github.eqvae.EqvaeException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Writes safetensors files, atomically ({@link AtomicFiles}) and of any size. The same tensors and
 * metadata give the same bytes: tensors are ordered by alignment (widest first) and name as the
 * reference implementation orders them, metadata by key, and the header is padded with spaces to a
 * multiple of 8 bytes.
 */
public final class SafetensorsWriter {
  /** Small, because a channel copies this much to memory outside the heap. */
  private static final long CHUNK = 16L << 20;

  /**
   * One tensor to write.
   *
   * @param name its name; unique, not {@code __metadata__}
   * @param dtype the format's name of its element type, such as {@code F32}
   * @param shape the dimensions, outermost first
   * @param bytes the elements, row-major, little-endian; only read
   */
  public record Entry(String name, String dtype, long[] shape, MemorySegment bytes) {
    /**
     * Checks that dtype, shape and size agree.
     *
     * @throws EqvaeException.Argument if they do not
     */
    public Entry {
      shape = shape.clone();
      if (name.equals(SafetensorsHeader.METADATA)) {
        throw new EqvaeException.Argument("a tensor cannot be named " + name);
      }
      SafetensorsDtype type =
          SafetensorsDtype.of(dtype)
              .orElseThrow(
                  () ->
                      new EqvaeException.Argument(
                          "tensor \""
                              + name
                              + "\" has dtype \""
                              + dtype
                              + "\", expected one of "
                              + Arrays.toString(SafetensorsDtype.values())));
      if (Arrays.stream(shape).anyMatch(dimension -> dimension < 0)) {
        throw new EqvaeException.Argument(
            "tensor \"" + name + "\" has a negative dimension: " + Arrays.toString(shape));
      }
      long expected;
      try {
        expected = type.bytes(shape);
      } catch (ArithmeticException | IllegalArgumentException e) {
        throw new EqvaeException.Argument(
            "tensor \"" + name + "\" of shape " + Arrays.toString(shape) + ": " + e.getMessage());
      }
      if (expected != bytes.byteSize()) {
        throw new EqvaeException.Argument(
            "tensor \""
                + name
                + "\" "
                + dtype
                + Arrays.toString(shape)
                + " has "
                + bytes.byteSize()
                + " bytes, expected "
                + expected);
      }
    }

    /**
     * The dimensions.
     *
     * @return a copy, outermost first
     */
    @Override
    public long[] shape() {
      return shape.clone();
    }

    /**
     * An F32 tensor from an array.
     *
     * @param name its name
     * @param values the elements, row-major; copied
     * @param shape the dimensions
     * @return the entry
     */
    public static Entry floats(String name, float[] values, long... shape) {
      ByteBuffer bytes =
          ByteBuffer.allocate(Math.multiplyExact(4, values.length)).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(values);
      return new Entry(name, "F32", shape, MemorySegment.ofBuffer(bytes));
    }

    /**
     * An I32 tensor from an array.
     *
     * @param name its name
     * @param values the elements, row-major; copied
     * @param shape the dimensions
     * @return the entry
     */
    public static Entry ints(String name, int[] values, long... shape) {
      ByteBuffer bytes =
          ByteBuffer.allocate(Math.multiplyExact(4, values.length)).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asIntBuffer().put(values);
      return new Entry(name, "I32", shape, MemorySegment.ofBuffer(bytes));
    }
  }

  private SafetensorsWriter() {}

  /**
   * Writes or replaces a file.
   *
   * @param path the file; its directory must exist
   * @param entries the tensors, in any order
   * @param metadata free strings for {@code __metadata__}, which is left out if they are empty
   * @throws EqvaeException.Argument if two tensors have one name, or the header would exceed 100 MB
   * @throws IOException if writing fails; the target is then unchanged
   */
  public static void write(Path path, List<Entry> entries, Map<String, String> metadata)
      throws IOException {
    List<Entry> ordered = new ArrayList<>(entries);
    ordered.sort(
        Comparator.comparing((Entry e) -> SafetensorsDtype.valueOf(e.dtype()))
            .reversed()
            .thenComparing(Entry::name));
    byte[] header = header(ordered, metadata);
    if (header.length > SafetensorsHeader.MAX_BYTES) {
      throw new EqvaeException.Argument(
          path
              + ": the header would have "
              + header.length
              + " bytes, the limit is "
              + SafetensorsHeader.MAX_BYTES
              + "; write fewer tensors or less metadata to one file");
    }
    AtomicFiles.write(
        path,
        channel -> {
          ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
          AtomicFiles.writeFully(channel, length.putLong(header.length).flip());
          AtomicFiles.writeFully(channel, ByteBuffer.wrap(header));
          for (Entry entry : ordered) {
            write(channel, entry.bytes());
          }
        });
  }

  private static void write(FileChannel channel, MemorySegment bytes) throws IOException {
    for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
      long length = Math.min(CHUNK, bytes.byteSize() - at);
      AtomicFiles.writeFully(channel, bytes.asSlice(at, length).asByteBuffer());
    }
  }

  private static byte[] header(List<Entry> entries, Map<String, String> metadata)
      throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Set<String> names = new HashSet<>();
    try (JsonGenerator json = new JsonFactory().createGenerator(bytes)) {
      json.writeStartObject();
      if (!metadata.isEmpty()) {
        json.writeObjectFieldStart(SafetensorsHeader.METADATA);
        for (Map.Entry<String, String> one : new TreeMap<>(metadata).entrySet()) {
          json.writeStringField(one.getKey(), one.getValue());
        }
        json.writeEndObject();
      }
      long offset = 0;
      for (Entry entry : entries) {
        if (!names.add(entry.name())) {
          throw new EqvaeException.Argument("two tensors are named \"" + entry.name() + "\"");
        }
        json.writeObjectFieldStart(entry.name());
        json.writeStringField("dtype", entry.dtype());
        json.writeFieldName("shape");
        long[] shape = entry.shape();
        json.writeArray(shape, 0, shape.length);
        json.writeFieldName("data_offsets");
        long end = Math.addExact(offset, entry.bytes().byteSize());
        json.writeArray(new long[] {offset, end}, 0, 2);
        json.writeEndObject();
        offset = end;
      }
      json.writeEndObject();
    }
    while (bytes.size() % 8 != 0) {
      bytes.write(' ');
    }
    return bytes.toByteArray();
  }
}
