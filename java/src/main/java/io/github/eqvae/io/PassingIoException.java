package io.github.eqvae.io;

import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * A temporary error: a file could not be read now, but may be readable later. The network file
 * system lost its server, a handle became stale, or a disk returned an error. The file is not
 * broken, so it must not be skipped.
 */
public final class PassingIoException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message which file, what the system said, what to do
   * @param cause the system's error
   */
  public PassingIoException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * Whether an error may be temporary. Errors of decoders, missing files, missing rights and names
   * that are too long are not.
   *
   * @param e the error
   * @return true for failures of the operating system
   */
  public static boolean mayPass(IOException e) {
    return !(isJudgement(e)
        || e instanceof NoSuchFileException
        || e instanceof AccessDeniedException
        || e instanceof NotDirectoryException
        || e instanceof FileSystemLoopException
        || e instanceof CharacterCodingException
        || e instanceof ClosedChannelException
        || e instanceof InterruptedIOException
        || e instanceof EOFException
        || says(e, "too many levels", "name too long", "is a directory", "not permitted"));
  }

  /** Our own exceptions judge what was read, for example that a checkpoint is damaged. */
  private static boolean isJudgement(IOException e) {
    return !e.getClass().getName().startsWith("java.");
  }

  /** Whether the disk itself failed or is full, by the operating system's text. */
  static boolean isDiskFailure(IOException e) {
    return says(e, "input/output error", "no space", "quota", "stale", "timed out", "read-only");
  }

  private static boolean says(IOException e, String... words) {
    String text = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
    return Stream.of(words).anyMatch(text::contains);
  }
}
