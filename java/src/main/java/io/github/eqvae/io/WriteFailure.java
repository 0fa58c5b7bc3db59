package io.github.eqvae.io;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Adds the file's name to errors of writing: the system's texts have none ("No space left ...").
 */
public final class WriteFailure {
  private WriteFailure() {}

  /**
   * The failure with the file's name, and with the free space if that is the cause.
   *
   * @param file what was to be written
   * @param cause what went wrong
   * @return to be thrown
   */
  public static IOException of(Path file, IOException cause) {
    String reason = reason(file, cause);
    boolean full = reason.toLowerCase(Locale.ROOT).contains("no space");
    return new IOException(
        file + " could not be written: " + reason + (full ? free(file) : ""), cause);
  }

  /**
   * The reason that the file system gives.
   *
   * @param cause the error
   * @return for example "Read-only file system" or "access denied"
   */
  public static String reason(FileSystemException cause) {
    return cause.getReason() != null
        ? cause.getReason()
        : cause
            .getClass() // an AccessDeniedException has the file's name as its only text
            .getSimpleName()
            .replaceFirst("Exception$", "")
            .replaceAll("(?<=[a-z])(?=[A-Z])", " ")
            .toLowerCase(Locale.ROOT);
  }

  private static String reason(Path file, IOException cause) {
    Path folder = file.toAbsolutePath().getParent();
    if (cause instanceof NoSuchFileException missing) {
      return folder == null || Files.isDirectory(folder)
          ? "there is no file " + missing.getFile()
          : "there is no such folder";
    }
    if (cause instanceof FileSystemException e) {
      return reason(e);
    }
    return String.valueOf(cause.getMessage());
  }

  private static String free(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    try {
      return folder == null || !Files.isDirectory(folder)
          ? ""
          : String.format(
              Locale.ROOT,
              "; %,d MB are free there",
              Files.getFileStore(folder).getUsableSpace() / 1_000_000);
    } catch (IOException e) {
      return "";
    }
  }
}
