package io.github.eqvae.io.torch;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.ForeignFile;
import io.github.eqvae.io.torch.TorchFileException.Reason;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.io.torch.TorchValue.PyStr;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * An open PyTorch checkpoint of any size: a file of {@code torch.save}, as a zip archive or in the
 * format before PyTorch 1.6. Its pickle is read and checked, but not run; tensors stay on disk and
 * are mapped. All methods may be called from any thread until {@link #close}.
 *
 * <p>Names of Python objects in the file are refused unless tensors and containers need them. A
 * second, short list has classes that published checkpoints contain beside the weights (Lightning's
 * callbacks, OmegaConf's nodes, {@code argparse.Namespace}, numpy arrays); {@link Mode} says how
 * these are treated.
 */
public final class TorchFile implements AutoCloseable {
  /** The format of the file. */
  public enum Format {
    /** A zip archive, as PyTorch has written since 1.6. */
    ZIP,
    /** A sequence of pickles and storages. */
    LEGACY
  }

  /** How names on the second list are treated. */
  public enum Mode {
    /** Their objects become a {@link TorchValue.Placeholder}. */
    PLACEHOLDERS,
    /** They are refused like all other names. */
    STRICT
  }

  /**
   * Keys under which checkpoints keep the weights, if not at the root: Lightning's, then those of
   * others.
   */
  private static final List<String> WEIGHTS = List.of("state_dict", "model_state_dict", "model");

  private final Path path;
  private final Arena arena;
  private final Format format;
  private final TorchValue root;

  private TorchFile(Path path, Arena arena, Format format, TorchValue root) {
    this.path = path;
    this.arena = arena;
    this.format = format;
    this.root = root;
  }

  /**
   * Opens a file, with placeholders.
   *
   * @param path the file
   * @return the open file; the caller closes it
   * @throws TorchFileException if the file is refused
   * @throws IOException if it cannot be read
   */
  public static TorchFile open(Path path) throws IOException {
    return open(path, Mode.PLACEHOLDERS);
  }

  /**
   * Opens a file.
   *
   * @param path the file
   * @param mode how harmless classes are treated
   * @return the open file; the caller closes it
   * @throws TorchFileException if the file is refused
   * @throws IOException if it cannot be read
   */
  public static TorchFile open(Path path, Mode mode) throws IOException {
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment whole =
          channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena).asReadOnly();
      return read(path, arena, whole, mode);
    } catch (IOException | RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /** Reads a file that is already in memory; the arena is closed with it. */
  static TorchFile read(Path path, Arena arena, MemorySegment whole, Mode mode)
      throws TorchFileException {
    Format format = format(path, whole);
    TorchValue root =
        format == Format.ZIP
            ? ZipReader.read(path, whole, mode)
            : LegacyReader.read(path, whole, mode);
    return new TorchFile(path, arena, format, root);
  }

  /** Recognises the format by the first bytes: a checkpoint's name does not say it. */
  private static Format format(Path path, MemorySegment whole) throws TorchFileException {
    if (starts(whole, 0, "PK\u0003\u0004") || starts(whole, 0, "PK\u0005\u0006")) {
      return Format.ZIP;
    }
    if (starts(whole, 0, "\u0080")) {
      return Format.LEGACY;
    }
    if (starts(whole, 257, "ustar")) {
      throw new TorchFileException(
          path,
          Reason.UNSUPPORTED_FORMAT,
          "it is a tar archive: unpack it (tar xf) and name what is in it. If PyTorch before 0.1.10"
              + " wrote it, load it with PyTorch and save it again");
    }
    byte[] start =
        whole
            .asSlice(0, Math.min(whole.byteSize(), ForeignFile.START_BYTES))
            .toArray(ValueLayout.JAVA_BYTE);
    String hint =
        starts(whole, 8, "{")
            ? "; it looks like safetensors: open it with SafetensorsFile"
            : ForeignFile.what(start, whole.byteSize()).map(what -> "; " + what).orElse("");
    throw new TorchFileException(
        path,
        Reason.NOT_A_TORCH_FILE,
        "it begins neither like a zip archive nor like a pickle" + hint);
  }

  private static boolean starts(MemorySegment whole, long at, String expected) {
    byte[] bytes = expected.getBytes(StandardCharsets.ISO_8859_1);
    if (whole.byteSize() - at < bytes.length) {
      return false;
    }
    for (int i = 0; i < bytes.length; i++) {
      if (whole.get(ValueLayout.JAVA_BYTE, at + i) != bytes[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * The format of the file.
   *
   * @return the format, recognised by the content
   */
  public Format format() {
    return format;
  }

  /**
   * The object that was saved.
   *
   * @return usually a {@link PyDict}
   */
  public TorchValue root() {
    return root;
  }

  /**
   * The weights: the tensors of the dict under {@code state_dict}, {@code model_state_dict} or
   * {@code model}, whichever comes first in this list, or of the root if it has none of them.
   *
   * @return name to tensor, in the order of the file
   * @throws EqvaeException.Argument if there are no tensors there
   */
  public Map<String, TorchTensor> stateDict() {
    if (root instanceof PyDict dict) {
      for (String key : WEIGHTS) {
        if (dict.get(key).orElse(null) instanceof PyDict) {
          return stateDict(key);
        }
      }
    }
    return stateDict(new String[0]);
  }

  /**
   * The tensors of a dict inside the file. Other values, such as {@code _extra_state}, are left
   * out.
   *
   * @param keys the path from the root, such as {@code "ema"}; none for the root itself
   * @return name to tensor, in the order of the file
   * @throws EqvaeException.Argument if there is no dict, or it has no tensors
   */
  public Map<String, TorchTensor> stateDict(String... keys) {
    TorchValue value = root;
    String where = "its root";
    for (String key : keys) {
      TorchValue inside = value instanceof PyDict dict ? dict.get(key).orElse(null) : null;
      if (inside == null) {
        throw new EqvaeException.Argument(
            path + " has no \"" + key + "\" in " + where + "; there is " + contents(value));
      }
      value = inside;
      where = "\"" + key + "\"";
    }
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    if (value instanceof PyDict dict) {
      for (PyDict.Entry entry : dict.entries()) {
        if (entry.key() instanceof PyStr name && entry.value() instanceof TorchTensor tensor) {
          tensors.put(name.value(), tensor);
        }
      }
    }
    if (tensors.isEmpty()) {
      throw new EqvaeException.Argument(
          path
              + " has no tensors in "
              + where
              + "; there is "
              + contents(value)
              + ". Save model.state_dict(), in which each tensor has its name");
    }
    return tensors;
  }

  private static String contents(TorchValue value) {
    if (!(value instanceof PyDict dict)) {
      return Nodes.describe(value);
    }
    return dict.entries().stream()
        .limit(20)
        .map(
            entry ->
                entry.key() instanceof PyStr name
                    ? TorchFileException.quote(name.value())
                    : Nodes.describe(entry.key()))
        .collect(
            Collectors.joining(", ", "a dict of [", dict.entries().size() > 20 ? ", …]" : "]"));
  }

  /** Unmaps the file. Tensors taken from it can no longer be used. */
  @Override
  public void close() {
    arena.close();
  }
}
