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

/** The list of what a run holds out: what it is measured on must never be trained on. */
record HeldOutNames(RunFolder folder) {
  private Path file() {
    return folder.heldOut();
  }

  void write(List<String> names) throws IOException {
    AtomicFiles.write(
        file(),
        names.stream().map(name -> FileNames.shown(name) + "\n").collect(Collectors.joining()));
  }

  /** Writes down what is held out, of a run that does not say. */
  void keep(List<String> names) throws IOException {
    if (!Files.exists(file())) {
      write(names);
    }
  }

  /** Refuses to go on when other samples would be held out than were so far. */
  void require(List<String> names) throws IOException {
    if (!Files.exists(file())) {
      return; // a run that does not know
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

  /** Another run can start from this one's weights once it has come to its end. */
  private String startingHere() {
    return Files.exists(folder.model())
        ? "; --set model.init_from=" + folder.path() + " starts it from this one's weights."
        : ".";
  }
}
