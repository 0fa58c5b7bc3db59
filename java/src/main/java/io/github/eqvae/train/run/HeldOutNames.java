package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FileNames;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The list of a run's held-out images. Images that a run is measured on must never be trained on.
 */
record HeldOutNames(RunFolder folder) {
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
    if (!Files.exists(file())) {
      return; // a run of an earlier version
    }
    List<String> before = Files.readAllLines(file()).stream().map(FileNames::parse).toList();
    if (!before.equals(names)) {
      long kept = names.stream().filter(Set.copyOf(before)::contains).count();
      throw new EqvaeException.Argument(
          "This run held out "
              + before.size()
              + " images of data.path ("
              + file()
              + "); now it would be "
              + names.size()
              + ", "
              + kept
              + " of them the same. What was held out must not be trained on: put back the images"
              + " and settings (data.validation, run.seed) it began with, or begin another run"
              + startingHere());
    }
  }

  /** A finished run has weights that another run can start from. */
  private String startingHere() {
    return Files.exists(folder.model())
        ? "; --set model.init_from=" + folder.path() + " starts it from this one's weights."
        : ".";
  }
}
