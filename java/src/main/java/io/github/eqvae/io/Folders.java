package io.github.eqvae.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where folders lie. */
public final class Folders {
  private Folders() {}

  /**
   * Whether files in a folder would be found when another one is listed: it lies in it, also by
   * links, and no folder on the way has a name that begins with a dot.
   *
   * @param inner the folder, which need not exist yet
   * @param outer the one that is listed
   * @return false if it does not exist, is no folder, or is the same folder
   * @throws IOException when the folders cannot be looked at
   */
  public static boolean isListedIn(Path inner, Path outer) throws IOException {
    if (!Files.isDirectory(outer)) {
      return false;
    }
    Path there = real(inner);
    Path root = outer.toRealPath();
    if (!there.startsWith(root) || there.equals(root)) {
      return false;
    }
    for (Path part : root.relativize(there)) {
      if (part.toString().startsWith(".")) {
        return false;
      }
    }
    return true;
  }

  /**
   * Whether writing one file would replace the other.
   *
   * @param file a file, which need not exist
   * @param other another, which need not exist
   * @return true if both exist and are the same, also by links
   * @throws IOException when they cannot be looked at
   */
  public static boolean isSame(Path file, Path other) throws IOException {
    return Files.exists(file) && Files.exists(other) && Files.isSameFile(file, other);
  }

  /** The real path of what may not exist yet. */
  private static Path real(Path path) throws IOException {
    Path whole = path.toAbsolutePath().normalize();
    Path there = whole;
    while (there.getParent() != null && !Files.exists(there)) {
      there = there.getParent();
    }
    return there.toRealPath().resolve(there.relativize(whole)).normalize();
  }
}
