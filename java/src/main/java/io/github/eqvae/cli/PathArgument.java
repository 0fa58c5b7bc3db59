package io.github.eqvae.cli;

import io.github.eqvae.io.FileNames;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import picocli.CommandLine.TypeConversionException;

/** Names of files and folders on the command line. */
final class PathArgument {
  /** What Java puts in the place of bytes that are no text of the locale. */
  private static final char REPLACED = '\ufffd';

  private PathArgument() {}

  /**
   * The path that is named. Java has lost bytes that are not UTF-8 (as of old archives): results
   * would go to another place than the one that is named.
   */
  static Path parse(String text) {
    Path path;
    try {
      path = Path.of(text);
    } catch (InvalidPathException e) {
      throw new TypeConversionException(refusal(e));
    }
    if (text.indexOf(REPLACED) >= 0 && !Files.exists(path)) {
      throw new TypeConversionException(
          "'"
              + text
              + "' has bytes that are not UTF-8, which cannot be named on a command line; name a"
              + " folder above it, or rename it");
    }
    return path;
  }

  static String refusal(InvalidPathException name) {
    return "'"
        + FileNames.shown(name.getInput())
        + "' cannot be the name of a file here ("
        + name.getReason()
        + "). If it has letters that are not ASCII: this shell has no UTF-8 locale; set"
        + " LC_ALL=C.UTF-8.";
  }
}
