package io.github.eqvae.io.torch;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * A PyTorch file that is refused. The message names the file, what was found, and what can be done
 * about it.
 */
public final class TorchFileException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Long enough to recognise a name, but short: a file must not be able to fill a log. */
  private static final int QUOTED = 120;

  /** Why a file is refused. */
  public enum Reason {
    /** Neither a zip archive nor pickles of the older format. */
    NOT_A_TORCH_FILE,
    /** A related format that contains more than tensors: TorchScript, the tar format of 2016. */
    UNSUPPORTED_FORMAT,
    /** The file, or a value in it, ends too early. */
    TRUNCATED,
    /** The zip archive contradicts itself. */
    INVALID_ZIP,
    /** Two entries of the archive share bytes. */
    OVERLAPPING_ENTRIES,
    /** Two entries of the archive have one name. */
    DUPLICATE_ENTRY,
    /** An entry is compressed that must be stored, or it expands too much. */
    COMPRESSED_ENTRY,
    /** The archive lacks an entry. */
    MISSING_ENTRY,
    /** The storages are big-endian. */
    BYTE_ORDER,
    /** The version of the format is not known. */
    VERSION,
    /** The pickle is malformed. */
    INVALID_PICKLE,
    /** The pickle uses an instruction that files of tensors do not need. */
    FORBIDDEN_OPCODE,
    /** The pickle names a Python object that is on no list. */
    FORBIDDEN_GLOBAL,
    /**
     * The pickle calls something that is not a function, or sets the state of something that has
     * none.
     */
    FORBIDDEN_CALL,
    /** The pickle is larger, deeper or has more objects than is allowed. */
    LIMIT_EXCEEDED,
    /** A container contains itself. */
    CYCLE,
    /** A storage is declared wrongly, or differs from the one in the file. */
    INVALID_STORAGE,
    /** A tensor does not fit in its storage, or its shape or strides make no sense. */
    INVALID_TENSOR
  }

  /** Why. */
  private final Reason reason;

  private static String words(Reason reason) {
    return reason.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  TorchFileException(Path file, Reason reason, String detail) {
    super(file + ": not a PyTorch file that can be read (" + words(reason) + "): " + detail);
    this.reason = reason;
  }

  /**
   * Why the file is refused.
   *
   * @return the reason
   */
  public Reason reason() {
    return reason;
  }

  /**
   * A string of the file in a form for messages: short, on one line, without control characters.
   */
  static String quote(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (int i = 0; i < Math.min(text.length(), QUOTED); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < ' ' || c > '~') {
        out.append(String.format("\\u%04x", (int) c));
      } else {
        out.append(c);
      }
    }
    return out.append(text.length() > QUOTED ? "…\"" : "\"").toString();
  }
}
