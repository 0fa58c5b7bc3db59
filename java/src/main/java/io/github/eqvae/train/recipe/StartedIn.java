package io.github.eqvae.train.recipe;

import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FileNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * {@code started-in.txt} beside a run's recipe: the folder to which the recipe's paths are
 * relative.
 */
public final class StartedIn {
  private static final String NAME = "started-in.txt";

  private StartedIn() {}

  /**
   * Notes the working directory.
   *
   * @param run the run's folder
   * @throws IOException when the file cannot be written
   */
  public static void write(Path run) throws IOException {
    String here = Path.of("").toAbsolutePath().toString();
    AtomicFiles.write(run.resolve(NAME), FileNames.shown(here) + "\n");
  }

  /**
   * The folder in which a run was started.
   *
   * @param recipe path of the run's recipe
   * @return empty if it is not known
   */
  static Optional<Path> of(Path recipe) {
    Path file = recipe.resolveSibling(NAME);
    try {
      return Files.isRegularFile(file)
          ? RecipeValues.path(FileNames.parse(Files.readString(file).strip()))
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty(); // the message about the path follows
    }
  }
}
