package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Where a new run may begin: not in the folder of another one, nor where it would replace files.
 */
public final class FreeFolder {
  private FreeFolder() {}

  /**
   * Why no run can begin in a folder.
   *
   * @param folder the folder
   * @return the exception, to be thrown by the caller; empty if nothing is in the way
   * @throws IOException when the folder cannot be looked at
   */
  public static Optional<EqvaeException.Argument> refusal(RunFolder folder) throws IOException {
    if (folder.isUsed()) {
      return Optional.of(folder.isTaken());
    }
    List<String> inTheWay = new ArrayList<>();
    for (Path file : written(folder)) {
      if (isInTheWay(file)) {
        inTheWay.add(file.getFileName().toString());
      }
    }
    return inTheWay.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new EqvaeException.Argument(
                folder.path()
                    + " is not the folder of a run (it has no recipe.yaml), but a run would replace"
                    + " or mix with what is there: "
                    + String.join(", ", inTheWay)
                    + ". Name another folder with --out."));
  }

  static void require(RunFolder folder) throws IOException {
    Optional<EqvaeException.Argument> refusal = refusal(folder);
    if (refusal.isPresent()) {
      throw refusal.get();
    }
  }

  /** What a run writes after its recipe. What comes before may be left by a run that was killed. */
  private static List<Path> written(RunFolder f) {
    return List.of(
        f.commands(),
        f.checkpoints(),
        f.metrics(),
        f.tensorboard(),
        f.samples(),
        f.nonFinite(),
        f.best(),
        f.model(),
        f.evaluation(),
        f.report());
  }

  /** An empty folder is not: it may be a link to a larger disk. */
  private static boolean isInTheWay(Path file) throws IOException {
    if (!Files.isDirectory(file)) {
      return Files.exists(file, LinkOption.NOFOLLOW_LINKS);
    }
    try (Stream<Path> files = Files.list(file)) {
      return files.findAny().isPresent();
    }
  }
}
