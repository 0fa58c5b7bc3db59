package io.github.eqvae.io;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Says which file could not be written: what the system says names none ("No space left ..."). */
public final class WriteFailure {
  private WriteFailure() {}

  /**
   * The failure with the file's name and how much is free there.
   *
   * @param file what was to be written
   * @param cause what went wrong
   * @return to be thrown
   */
  public static IOException of(Path file, IOException cause) {
    String reason =
        cause instanceof FileSystemException e && e.getReason() != null
            ? e.getReason()
            : cause instanceof FileSystemException
                ? cause
                    .getClass()
                    .getSimpleName()
                    .replaceAll("(?<=[a-z])(?=[A-Z])|Exception", " ")
                    .strip()
                : String.valueOf(cause.getMessage());
    return new IOException(file + " could not be written: " + reason + free(file), cause);
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
