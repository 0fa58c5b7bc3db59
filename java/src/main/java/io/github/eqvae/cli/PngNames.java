package io.github.eqvae.cli;

import io.github.eqvae.io.FileNames;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The names of PNG files for pictures: {@code a.jpg} becomes {@code a.png}, unless another picture
 * has that name. A PNG always keeps its name, because results are compared by equal names.
 */
final class PngNames {
  private final Path folder;
  private final Set<Path> taken = new HashSet<>();

  /** The pictures that have these names from the start. */
  private final Map<Path, String> owners = new HashMap<>();

  /**
   * Collects the names of all pictures.
   *
   * @param folder where the files go
   * @param all their names
   */
  PngNames(Path folder, Iterable<String> all) {
    this.folder = folder;
    for (String name : all) {
      if (name.endsWith(".png")) {
        owners.put(file(stem(name)), name);
      }
    }
    for (String name : all) {
      if (name.matches("(?is).*\\.png")) { // A.PNG, if there is no A.png
        owners.putIfAbsent(file(stem(name)), name);
      }
    }
  }

  /**
   * The file of one more picture. If two differ only in their endings, the one that is not a PNG,
   * or comes later, keeps its ending: {@code a.jpg.png}.
   */
  Path of(String name) {
    Path file = file(stem(name));
    for (String next = name; !isFree(file, name) || !taken.add(file); next += "_") {
      file = file(next);
    }
    return file;
  }

  private boolean isFree(Path file, String name) {
    return owners.getOrDefault(file, name).equals(name);
  }

  private static String stem(String name) {
    return name.replaceAll("\\.[^./]+$", "");
  }

  private Path file(String stem) {
    return FileNames.resolve(folder, stem + ".png").normalize();
  }
}
