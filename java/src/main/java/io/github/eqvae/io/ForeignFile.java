package io.github.eqvae.io;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Recognises files that are no weights although they were given as such: archives, web pages that
 * were downloaded instead, Git LFS pointers, files of other programs.
 */
public final class ForeignFile {
  /** Bytes that {@link #what} looks at. */
  public static final int START_BYTES = 512;

  /** Error messages of servers are shorter than this, checkpoints are longer. */
  private static final int MESSAGE_BYTES = 2048;

  private static final int SHOWN = 80;

  private static final String NUMPY = "\u0093NUMPY";

  private static final String BYTE_ORDER_MARK = "\u00ef\u00bb\u00bf";

  private static final String POINTER =
      "is a pointer of Git LFS, not the file itself: fetch that with git lfs pull";

  private static final String PAGE =
      "is a web page, so the download failed: the server may want a login, or a licence to be"
          + " accepted. Open the address in a browser";

  /** First bytes, as ISO 8859-1, and the kind of file that begins with them. */
  private static final Map<String, String> STARTS = new LinkedHashMap<>();

  static {
    packed("\u001f\u008b", "gzip", "gunzip or tar xzf");
    packed("BZh", "bzip2", "bunzip2 or tar xjf");
    packed("\u00fd7zXZ\0", "xz", "unxz or tar xJf");
    packed("(\u00b5/\u00fd", "Zstandard", "unzstd");
    packed("7z\u00bc\u00af\u0027\u001c", "7-Zip", "7z x");
    packed("Rar!\u001a\u0007", "RAR", "unrar x");
    STARTS.put("%PDF-", "it is a PDF document, not a model");
    STARTS.put("GGUF", "it is a GGUF file of quantized weights; take the model's safetensors");
    STARTS.put("\u0089HDF", "it is an HDF5 file, as Keras writes; take the model's safetensors");
    STARTS.put(NUMPY, "it is an array of NumPy, not a model");
    STARTS.put("\u00ff\u00d8\u00ff", "it is a picture, not a model");
    STARTS.put("\u0089PNG", "it is a picture, not a model");
    STARTS.put("GIF8", "it is a picture, not a model");
  }

  private ForeignFile() {}

  private static void packed(String start, String by, String command) {
    STARTS.put(
        start,
        "it is packed by " + by + ": unpack it first (" + command + ") and name what is in it");
  }

  /**
   * What a clone or a failed download leaves in the place of a file.
   *
   * @param start the file's first bytes, 24 or more, or all of it if it is shorter
   * @return what it is and what to do, to follow a name; empty if it is something else
   */
  static Optional<String> instead(byte[] start) {
    String text = new String(start, StandardCharsets.ISO_8859_1);
    if (text.startsWith("version https://git-lfs")) {
      return Optional.of(POINTER);
    }
    String page = text.replace(BYTE_ORDER_MARK, "").stripLeading().toLowerCase(Locale.ROOT);
    boolean isPage = page.startsWith("<") && !page.startsWith("<?xml");
    return isPage ? Optional.of(PAGE) : Optional.empty();
  }

  /**
   * What a file is.
   *
   * @param start its first {@link #START_BYTES} bytes, or all of it if it is shorter
   * @param size all its bytes
   * @return what it is and what to do; empty if it is not recognised
   */
  public static Optional<String> what(byte[] start, long size) {
    if (size == 0) {
      return Optional.of("it is empty, copy it again");
    }
    String text = new String(start, StandardCharsets.ISO_8859_1);
    if (text.startsWith(NUMPY) && text.contains("'|O'")) {
      return Optional.of(
          "it is a Python object that np.save pickled, such as a dictionary: in Python, save its"
              + " arrays as tensors with safetensors.numpy.save_file or torch.save");
    }
    for (Map.Entry<String, String> known : STARTS.entrySet()) {
      if (text.startsWith(known.getKey())) {
        return Optional.of(known.getValue());
      }
    }
    Optional<String> instead = instead(start);
    if (instead.isPresent()) {
      return Optional.of("it " + instead.get());
    }
    String written = text.replace(BYTE_ORDER_MARK, "").stripLeading();
    if (written.startsWith("<")) {
      return Optional.of(
          "it is XML, perhaps the answer of a server that refused the download: " + shown(written));
    }
    if (written.startsWith("{") || written.startsWith("[")) {
      return Optional.of(json(written));
    }
    boolean isText =
        text.chars().allMatch(c -> c >= ' ' && c != 127 || c == '\n' || c == '\r' || c == '\t');
    return isText && size <= MESSAGE_BYTES
        ? Optional.of(
            "it is a text, perhaps the answer of a server that refused the download: "
                + shown(written))
        : Optional.empty();
  }

  private static String json(String text) {
    if (text.contains("\"weight_map\"")) {
      return "it is an index, which says what file each tensor is in; name the folder it lies in";
    }
    if (text.contains("\"error\"")) {
      return "it is the answer of a server that refused the download: " + shown(text);
    }
    return "it is JSON, not a file of tensors; name the folder it lies in";
  }

  /** The beginning of a text, on one line. */
  private static String shown(String text) {
    String line = text.strip().replaceAll("[\\p{Cntrl}\\s]+", " ");
    return FileNames.shown(line.length() > SHOWN ? line.substring(0, SHOWN) + " …" : line);
  }
}
