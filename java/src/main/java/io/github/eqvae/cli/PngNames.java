package io.github.eqvae.cli;

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
    Path file = folder.resolve(name.replaceAll("\\.[^./]+$", "") + ".png").normalize();
    for (String next = name; !taken.add(file); next += "_") {
      file = folder.resolve(next + ".png").normalize();
    }
    return file;
  }
}
