package io.github.eqvae.io;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * A safetensors file that is refused. The message names the file, what was found and what was
 * expected.
 */
public final class SafetensorsException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Why a file is refused. */
  public enum Reason {
    /** The file is shorter than the 8 bytes of the header's length. */
    HEADER_TOO_SMALL,
    /** The header claims more than 100 MB. */
    HEADER_TOO_LARGE,
    /** The header claims more bytes than the file has. */
    INVALID_HEADER_LENGTH,
    /** The header is not UTF-8. */
    INVALID_UTF8,
    /** The header does not begin with an opening brace. */
    INVALID_HEADER_START,
    /** The header is not JSON, or is not one JSON object and nothing else. */
    INVALID_JSON,
    /** A key occurs twice in one object. */
    DUPLICATE_KEY,
    /** {@code __metadata__} is not a map of strings. */
    INVALID_METADATA,
    /** A tensor's entry lacks dtype, shape or data_offsets, or one of them has the wrong type. */
    INVALID_ENTRY,
    /** The format has no such dtype. */
    UNKNOWN_DTYPE,
    /** A dimension or an offset is negative. */
    NEGATIVE_SIZE,
    /** The number of elements or of bits does not fit in 64 bits. */
    OVERFLOW,
    /** Elements smaller than a byte do not fill whole bytes. */
    MISALIGNED,
    /**
     * In the order of their offsets, a tensor does not start where the one before ends, or ends
     * before it starts.
     */
    INVALID_OFFSET,
    /** The bytes between a tensor's offsets are not those of its shape and dtype. */
    SIZE_MISMATCH,
    /** The tensors together do not end exactly where the file ends. */
    INCOMPLETE_COVER
  }

  /** Why. */
  private final Reason reason;

  private static String words(Reason reason) {
    return reason.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  SafetensorsException(Path file, Reason reason, String detail) {
    super(file + ": not a valid safetensors file (" + words(reason) + "): " + detail);
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
}
