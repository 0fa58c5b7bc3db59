package io.github.eqvae.cli;

import io.github.eqvae.io.FileNames;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/** Which PNG files pictures become: {@code a.jpg} is {@code a.png}, unless another already is. */
final class PngNames {
  private final Path folder;
  private final Set<Path> taken = new HashSet<>();

  PngNames(Path folder) {
    this.folder = folder;
  }

  /**
   * The file of one more picture. Where two differ in their endings alone, the second keeps its
   * own: {@code a.jpg.png}.
   */
  Path of(String name) {
    Path file = file(name.replaceAll("\\.[^./]+$", ""));
    for (String next = name; !taken.add(file); next += "_") {
      file = file(next);
    }
    return file;
  }

  private Path file(String stem) {
    return FileNames.resolve(folder, stem + ".png").normalize();
  }
}
