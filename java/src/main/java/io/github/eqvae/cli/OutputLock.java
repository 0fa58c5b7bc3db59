package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FolderLock;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;

/**
 * Reserves what a command writes: of two commands that are to make the same file or folder, one is
 * refused.
 */
final class OutputLock {
  private OutputLock() {}

  static FolderLock ofFolder(Path folder, CommandSpec command) throws IOException {
    PrintWriter stderr = command.commandLine().getErr();
    return held(FolderLock.acquire(folder, name(command), note -> say(stderr, note)));
  }

  static FolderLock ofFile(Path file, CommandSpec command) throws IOException {
    PrintWriter stderr = command.commandLine().getErr();
    return held(FolderLock.acquireFile(file, name(command), note -> say(stderr, note)));
  }

  /**
   * Fails if writing would replace something. Asked again when the place is reserved: another
   * process may just have written it.
   *
   * @throws EqvaeException.Argument if the file exists, or the folder has something in it
   */
  static void requireFree(Path out, boolean overwrite) throws IOException {
    if (!overwrite && isUsed(out)) {
      throw new EqvaeException.Argument(
          out + " is there already; name another, or add --overwrite");
    }
  }

  /**
   * The error of a file that somebody else wrote, which must not be replaced.
   *
   * @param named its path, after the option that gives it
   * @param results what eqvae may replace, such as "figures"
   */
  static EqvaeException.Argument notOurs(String named, String results) {
    return new EqvaeException.Argument(
        named
            + " exists and holds no "
            + results
            + " that eqvae wrote, so it is kept; name another file");
  }

  /** Whether there is such a file, or something in such a folder beside a lock. */
  static boolean isUsed(Path out) throws IOException {
    if (!Files.isDirectory(out)) {
      return Files.exists(out);
    }
    try (Stream<Path> files = Files.list(out)) {
      return files.anyMatch(f -> !f.endsWith(FolderLock.NAME));
    }
  }

  private static FolderLock held(FolderLock lock) {
    lock.releaseAtExit();
    return lock;
  }

  /** Such as {@code convert}. */
  private static String name(CommandSpec command) {
    return command.qualifiedName().replaceFirst("^\\S+ ", "");
  }

  private static void say(PrintWriter stderr, String note) {
    stderr.println("eqvae: note: " + note);
    stderr.flush();
  }
}
