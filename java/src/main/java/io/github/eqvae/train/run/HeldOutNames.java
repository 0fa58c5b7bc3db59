package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.Counts;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.train.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The list of a run's held-out images. Images that a run is measured on must never be trained on.
 *
 * @param folder the run's folder
 */
public record HeldOutNames(RunFolder folder) {
  /** Settings that decide what is held out. */
  private static final Set<String> DECIDES =
      Set.of("data.kind", "data.path", "data.validation", "data.validation_path", "run.seed");

  private Path file() {
    return folder.heldOut();
  }

  void write(List<String> names) throws IOException {
    AtomicFiles.write(
        file(),
        names.stream().map(name -> FileNames.shown(name) + "\n").collect(Collectors.joining()));
  }

  /** Writes the list, if the run has none yet. */
  void keep(List<String> names) throws IOException {
    if (!Files.exists(file())) {
      write(names);
    }
  }

  /** Refuses to continue if other samples would be held out than before. */
  void require(List<String> names) throws IOException {
    Optional<String> others = others(names);
    if (others.isPresent()) {
      throw new EqvaeException.Argument(
          others.get()
              + ". What was held out must not be trained on: put back the images"
              + " and settings (data.validation, run.seed) it began with, or begin another run"
              + startingHere());
    }
  }

  /**
   * Refuses to measure a run on samples that it was trained on, because the data have changed since
   * it began. Samples that the caller chooses are not checked.
   *
   * @param recipe with the caller's settings
   * @param names what would be measured
   * @param instead what else the caller can do, for the message
   * @param <T> the kind of task
   * @throws IOException when the list cannot be read
   * @throws EqvaeException.Argument if these are not the run's held-out samples
   */
  public <T extends Task> void requireMeasured(
      RunnableRecipe<T> recipe, List<String> names, String instead) throws IOException {
    Optional<String> others = others(names);
    if (others.isPresent() && !isChosen(recipe)) {
      throw new EqvaeException.Argument(
          others.get()
              + ". It was trained on the others, so the figures would be too good: put back the"
              + " images that it began with"
              + instead);
    }
  }

  private <T extends Task> boolean isChosen(RunnableRecipe<T> recipe) {
    return folder.readRecipe(List.of(), List.of(recipe.kind())).changes(recipe).stream()
        .anyMatch(change -> DECIDES.contains(change.key()));
  }

  /** What differs; empty if these are the samples that the run holds out, or it has no list. */
  private Optional<String> others(List<String> names) throws IOException {
    if (!Files.exists(file())) {
      return Optional.empty(); // a run of an earlier version
    }
    List<String> before = Files.readAllLines(file()).stream().map(FileNames::parse).toList();
    if (before.equals(names)) {
      return Optional.empty();
    }
    long kept = names.stream().filter(Set.copyOf(before)::contains).count();
    return Optional.of(
        "This run held out "
            + Counts.of(before.size(), "image")
            + " of data.path ("
            + file()
            + "); now it would be "
            + names.size()
            + ", "
            + kept
            + " of them the same");
  }

  /** A finished run has weights that another run can start from. */
  private String startingHere() {
    return Files.exists(folder.model())
        ? "; --set model.init_from=" + folder.path() + " starts it from this one's weights."
        : ".";
  }
}
