package io.github.eqvae.io;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.io.SafetensorsException.Reason;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;

/**
 * An open safetensors file of any size: its data stay on disk and are mapped, not read. Every rule
 * of the format is checked when the file is opened. All methods may be called from any thread until
 * {@link #close}.
 */
public final class SafetensorsFile implements AutoCloseable {
  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path path;
  private final Arena arena;
  private final MemorySegment data;
  private final SafetensorsHeader header;

  private SafetensorsFile(Path path, Arena arena, MemorySegment data, SafetensorsHeader header) {
    this.path = path;
    this.arena = arena;
    this.data = data;
    this.header = header;
  }

  /**
   * Opens a file and checks it.
   *
   * @param path the file
   * @return the open file; the caller closes it
   * @throws SafetensorsException if the file breaks a rule of the format
   * @throws IOException if it cannot be read
   */
  public static SafetensorsFile open(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      throw new IOException(path + " is a folder; name the file in it, such as model.safetensors");
    }
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      if (size < Long.BYTES) {
        throw new SafetensorsException(
            path,
            Reason.HEADER_TOO_SMALL,
            "the file has "
                + size
                + " bytes, expected at least 8"
                + foreign(channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena)));
      }
      MemorySegment whole = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena).asReadOnly();
      long length = whole.get(LENGTH, 0);
      if (Long.compareUnsigned(length, SafetensorsHeader.MAX_BYTES) > 0) {
        throw new SafetensorsException(
            path,
            Reason.HEADER_TOO_LARGE,
            "the header claims "
                + Long.toUnsignedString(length)
                + " bytes, the limit is "
                + SafetensorsHeader.MAX_BYTES
                + foreign(whole));
      }
      if (length > size - Long.BYTES) {
        throw new SafetensorsException(
            path,
            Reason.INVALID_HEADER_LENGTH,
            "the header claims "
                + length
                + " bytes, the file has "
                + (size - Long.BYTES)
                + " after the length"
                + foreign(whole));
      }
      MemorySegment data = whole.asSlice(Long.BYTES + length);
      SafetensorsHeader header =
          SafetensorsHeader.parse(
              path, whole.asSlice(Long.BYTES, length).asByteBuffer(), data.byteSize());
      return new SafetensorsFile(path, arena, data, header);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /** Describes a file that is not safetensors, as the end of a message. */
  private static String foreign(MemorySegment whole) {
    long size = whole.byteSize();
    if (size > Long.BYTES && whole.get(ValueLayout.JAVA_BYTE, Long.BYTES) == '{') {
      return ""; // safetensors, cut short
    }
    byte[] start =
        whole.asSlice(0, Math.min(size, ForeignFile.START_BYTES)).toArray(ValueLayout.JAVA_BYTE);
    if (start.length > 1 && start[0] == 'P' && start[1] == 'K') {
      return "; it is a zip archive, as torch.save and NumPy write ("
          + Invocation.shown("weights")
          + " converts the weights of LPIPS, Inception and DINOv2)";
    }
    return ForeignFile.what(start, size).map(what -> "; " + what).orElse("");
  }

  /**
   * The tensors' names.
   *
   * @return in the order of their data in the file
   */
  public List<String> names() {
    return List.copyOf(header.tensors().keySet());
  }

  /**
   * Whether there is such a tensor.
   *
   * @param name a tensor's name
   * @return true if the file has it
   */
  public boolean contains(String name) {
    return header.tensors().containsKey(name);
  }

  /**
   * The free strings of the header.
   *
   * @return {@code __metadata__}, empty if the file has none
   */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /**
   * Type, shape and position of a tensor.
   *
   * @param name its name
   * @return what the header says
   * @throws EqvaeException.Argument if the file has no such tensor
   */
  public TensorInfo info(String name) {
    TensorInfo info = header.tensors().get(name);
    if (info == null) {
      throw new EqvaeException.Argument(
          path
              + " has no tensor \""
              + name
              + "\"; it has "
              + header.tensors().size()
              + " others: list them with names()");
    }
    return info;
  }

  /**
   * A tensor's bytes as in the file: little-endian, row-major.
   *
   * @param name its name
   * @return a read-only view that ends with {@link #close}; not necessarily aligned
   * @throws EqvaeException.Argument if the file has no such tensor
   */
  public MemorySegment segment(String name) {
    TensorInfo info = info(name);
    return data.asSlice(info.begin(), info.bytes());
  }

  /**
   * A tensor's elements as floats: exact for F32, F16 and BF16, rounded to nearest for F64.
   *
   * @param name its name
   * @return the elements, row-major
   * @throws EqvaeException.Argument if there is no such tensor, it is of another type, or it has
   *     too many elements for an array
   */
  public float[] floats(String name) {
    TensorInfo info = info(name);
    MemorySegment bytes = segment(name);
    int width =
        switch (info.dtype()) {
          case "F16", "BF16" -> 2;
          case "F32" -> 4;
          case "F64" -> 8;
          default ->
              throw new EqvaeException.Argument(
                  path
                      + ": tensor \""
                      + name
                      + "\" is "
                      + info.dtype()
                      + ", expected F32, F16, BF16 or F64; read its bytes with segment()");
        };
    long count = info.bytes() / width;
    if (count > Integer.MAX_VALUE - 8) {
      throw new EqvaeException.Argument(
          path
              + ": tensor \""
              + name
              + "\" has "
              + count
              + " elements, too many for an array; read its bytes with segment()");
    }
    float[] values = new float[(int) count];
    switch (info.dtype()) {
      case "F32" -> MemorySegment.copy(bytes, FLOAT, 0, values, 0, values.length);
      case "F16" -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = Float.float16ToFloat(bytes.get(SHORT, 2L * i));
        }
      }
      case "BF16" -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = Float.intBitsToFloat(bytes.get(SHORT, 2L * i) << 16);
        }
      }
      default -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) bytes.get(DOUBLE, 8L * i);
        }
      }
    }
    return values;
  }

  /** Unmaps the file. Segments taken from it can no longer be used. */
  @Override
  public void close() {
    arena.close();
  }
}
