package io.github.eqvae.io.torch;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;

/**
 * Writes checkpoints of any size for {@code torch.load(weights_only=True)}, atomically ({@code
 * AtomicFiles}): a zip archive with a pickle of protocol 2 and little-endian storages, each at a
 * multiple of 64 bytes. The same values give the same bytes. Every tensor gets its own storage,
 * row-major; a tensor that occurs twice is written once.
 */
public final class TorchWriter {
  /** The folder name that torch.save uses when it has no file name. */
  private static final String FOLDER = "archive/";

  /** Small, because a channel copies this much to memory outside the heap. */
  private static final long CHUNK = 16L << 20;

  private TorchWriter() {}

  /**
   * Writes or replaces a file as {@code torch.save(model.state_dict(), path)} would.
   *
   * @param path the file; its directory must exist
   * @param stateDict the tensors by name, written in the map's order
   * @throws IOException if writing fails; the target is then untouched
   */
  public static void writeStateDict(Path path, Map<String, TorchTensor> stateDict)
      throws IOException {
    write(path, PyDict.of(stateDict));
  }

  /**
   * Writes or replaces a file as Lightning lays out its {@code .ckpt}: the tensors under {@code
   * state_dict}, other values beside it.
   *
   * @param path the file; its directory must exist
   * @param stateDict the tensors by name, written in the map's order
   * @param values values beside them, such as {@code epoch} and {@code global_step}
   * @throws EqvaeException.Argument if a value is itself called {@code state_dict}, or cannot be
   *     written
   * @throws IOException if writing fails; the target is then untouched
   */
  public static void writeCheckpoint(
      Path path, Map<String, TorchTensor> stateDict, Map<String, ? extends TorchValue> values)
      throws IOException {
    Map<String, TorchValue> root = new LinkedHashMap<>(values);
    if (root.put("state_dict", PyDict.of(stateDict)) != null) {
      throw new EqvaeException.Argument(
          "a value is called state_dict, which is where the tensors go; call it something else");
    }
    write(path, PyDict.of(root));
  }

  /**
   * Writes or replaces a file.
   *
   * @param path the file; its directory must exist
   * @param root the object to save
   * @throws EqvaeException.Argument if it has a {@link TorchValue.PyName} or {@link
   *     TorchValue.Placeholder} in it, or a tensor too large to be packed
   * @throws IOException if writing fails; the target is then untouched
   */
  public static void write(Path path, TorchValue root) throws IOException {
    PickleWriter.Pickled pickled = PickleWriter.write(root);
    AtomicFiles.write(path, channel -> write(channel, pickled.pickle(), pickled.storages()));
  }

  private static void write(FileChannel channel, byte[] pickle, List<TorchTensor> storages)
      throws IOException {
    ZipRecords zip = new ZipRecords();
    entry(channel, zip, "data.pkl", MemorySegment.ofArray(pickle));
    entry(channel, zip, "byteorder", ascii("little"));
    for (int key = 0; key < storages.size(); key++) {
      entry(channel, zip, "data/" + key, storages.get(key).bytes());
    }
    entry(channel, zip, "version", ascii("3\n"));
    writeFully(channel, ByteBuffer.wrap(zip.directory(channel.position())));
  }

  private static MemorySegment ascii(String text) {
    return MemorySegment.ofArray(text.getBytes(StandardCharsets.US_ASCII));
  }

  private static void entry(FileChannel channel, ZipRecords zip, String name, MemorySegment bytes)
      throws IOException {
    // libtorch compares it.
    CRC32 crc = new CRC32();
    for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
      crc.update(chunk(bytes, at));
    }
    byte[] header =
        zip.header(channel.position(), FOLDER + name, (int) crc.getValue(), bytes.byteSize());
    writeFully(channel, ByteBuffer.wrap(header));
    for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
      writeFully(channel, chunk(bytes, at));
    }
  }

  private static ByteBuffer chunk(MemorySegment bytes, long at) {
    return bytes.asSlice(at, Math.min(CHUNK, bytes.byteSize() - at)).asByteBuffer();
  }

  /** Writes all of a buffer: one call of a channel may write less. */
  private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }
}
