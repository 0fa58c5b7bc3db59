package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.InitialWeights;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The folder of a run: {@code recipe.yaml}, {@code command.txt}, {@code held-out.txt}, {@code
 * init_from.json} of a fine-tuning, {@code checkpoints/}, {@code metrics.jsonl}, {@code
 * tensorboard/}, {@code samples/}, {@code nonfinite/}, {@code model.safetensors}, {@code
 * report.html}.
 *
 * @param path the folder
 */
record RunFolder(Path path) {
  Path recipe() {
    return path.resolve("recipe.yaml");
  }

  Path checkpoints() {
    return path.resolve("checkpoints");
  }

  Path metrics() {
    return path.resolve("metrics.jsonl");
  }

  Path tensorboard() {
    return path.resolve("tensorboard");
  }

  Path samples() {
    return path.resolve("samples");
  }

  Path nonFinite() {
    return path.resolve("nonfinite");
  }

  Path model() {
    return path.resolve("model.safetensors");
  }

  /** The best model by {@code run.best_metric}, if the recipe asks for it. */
  Path best() {
    return path.resolve("model-best.safetensors");
  }

  Path report() {
    return path.resolve("report.html");
  }

  CheckpointStore store(AutoencoderRecipe recipe) {
    return new CheckpointStore(checkpoints(), recipe.run().keep());
  }

  /** Whether a run was begun here. */
  boolean isUsed() {
    return Files.exists(recipe());
  }

  /** Whether it came to its end, and has not gone on since. */
  boolean isFinished() {
    return Files.exists(model());
  }

  /** The command lines that trained here, in their order. */
  Path commands() {
    return path.resolve("command.txt");
  }

  /** Writes down the command line of this process. */
  void keepCommand() throws IOException {
    String before = Files.exists(commands()) ? Files.readString(commands()) : "";
    AtomicFiles.write(commands(), before + Invocation.published() + "\n");
  }

  /** The names of the images that are held out of {@code data.path}. */
  Path heldOut() {
    return path.resolve("held-out.txt");
  }

  /** Begins a run: its recipe, its split, and what the checkpoint it starts from says. */
  void writeStart(AutoencoderRecipe recipe, List<String> heldOut) throws IOException {
    Files.createDirectories(path);
    writeHeldOut(heldOut);
    InitialWeights.keepSettings(recipe, path);
    writeRecipe(recipe);
  }

  private void writeHeldOut(List<String> names) throws IOException {
    AtomicFiles.write(
        heldOut(),
        names.stream().map(name -> FileNames.shown(name) + "\n").collect(Collectors.joining()));
  }

  /** Refuses to go on when other images would be held out than were so far. */
  void requireHeldOut(List<String> names) throws IOException {
    if (!Files.exists(heldOut())) {
      return; // a run that does not know
    }
    List<String> before = Files.readAllLines(heldOut()).stream().map(FileNames::parse).toList();
    if (!before.equals(names)) {
      long kept = names.stream().filter(Set.copyOf(before)::contains).count();
      throw new EqvaeException.Argument(
          "This run held out "
              + before.size()
              + " images of data.path ("
              + heldOut()
              + "); now it would be "
              + names.size()
              + ", "
              + kept
              + " of them the same. What was held out must not be trained on: put back the images"
              + " and settings (data.validation, run.seed) it began with, or begin another run"
              + startingHere());
    }
  }

  /** Writes down what is held out, of a run that does not say. */
  void keepHeldOut(List<String> names) throws IOException {
    if (!Files.exists(heldOut())) {
      writeHeldOut(names);
    }
  }

  /** Refuses to go on to a step that was passed. */
  void requireSteps(AutoencoderRecipe recipe, long done) {
    if (done > recipe.run().steps()) {
      throw new EqvaeException.Argument(
          path
              + " has done "
              + done
              + " steps; run.steps "
              + recipe.run().steps()
              + " is fewer. To go on name more: "
              + Invocation.command("train", "--resume", path, "--steps", 2 * done)
              + ". A shorter run is another one: begin it in another folder.");
    }
  }

  /** Keeps other processes from writing here; what else is to be said goes to the terminal. */
  FolderLock lock(String command, PrintWriter err) throws IOException {
    return FolderLock.acquire(
        path,
        command,
        note -> {
          err.println("eqvae: note: " + note);
          err.flush();
        });
  }

  /** Why no other run can begin here. */
  EqvaeException.Argument isTaken() {
    return new EqvaeException.Argument(
        path
            + " already holds a run. Go on with it: "
            + Invocation.command("train", "--resume", path)
            + "; or name another folder with --out; or delete it.");
  }

  /** The model of an end that is no longer the end: others read it as the run's. */
  void setModelAside() throws IOException {
    if (Files.exists(model())) {
      Files.move(
          model(),
          path.resolve("model-before-resume.safetensors"),
          StandardCopyOption.REPLACE_EXISTING);
    }
  }

  /** Another run can start from this one's weights once it has come to its end. */
  private String startingHere() {
    return Files.exists(model())
        ? "; --set model.init_from=" + path + " starts it from this one's weights."
        : ".";
  }

  void writeRecipe(AutoencoderRecipe recipe) throws IOException {
    Files.createDirectories(path);
    AtomicFiles.write(recipe(), recipe.toYaml());
  }

  /** The recipe of the run as it last went on, with settings of this call. */
  AutoencoderRecipe readRecipe(List<String> overrides) {
    if (!Files.isRegularFile(recipe())) {
      throw new EqvaeException.Argument(
          path
              + " is not the folder of a run: it has no recipe.yaml. Name a folder that `eqvae"
              + " train` or `eqvae demo` made, such as runs/demo/eq.");
    }
    return AutoencoderRecipe.read(recipe(), overrides);
  }

  /**
   * The recipe for going on. Length, rates, weights of losses and paths may change on the way; what
   * the weights belong to may not.
   */
  AutoencoderRecipe resumedRecipe(List<String> overrides) {
    AutoencoderRecipe before = readRecipe(List.of());
    AutoencoderRecipe after = readRecipe(overrides);
    List<AutoencoderRecipe.Change> refused =
        before.changes(after).stream()
            .filter(c -> c.key().startsWith("model.") && !c.key().equals("model.init_from"))
            .toList();
    if (!refused.isEmpty()) {
      throw new EqvaeException.Argument(
          "A run cannot go on with another "
              + refused.stream()
                  .map(AutoencoderRecipe.Change::toString)
                  .collect(Collectors.joining(", "))
              + ": its weights are those of the model it began with. Begin another run.");
    }
    return after;
  }

  /** Whether the run ever saved, be the checkpoints whole or not. */
  boolean hasCheckpoints() throws IOException {
    if (!Files.isDirectory(checkpoints())) {
      return false;
    }
    try (Stream<Path> entries = Files.list(checkpoints())) {
      return entries.anyMatch(p -> p.getFileName().toString().startsWith("step-"));
    }
  }

  /** The newest checkpoint that is whole; what was refused is said. */
  Checkpoint latest(AutoencoderRecipe recipe, PrintWriter err) throws IOException {
    CheckpointStore.Latest latest = store(recipe).latest();
    for (CheckpointStore.Refusal refusal : latest.refused()) {
      err.println("eqvae: checkpoint " + refusal.directory() + " was refused: " + refusal.reason());
    }
    err.flush();
    return latest
        .checkpoint()
        .orElseThrow(
            () ->
                new EqvaeException.Argument(
                    "There is no usable checkpoint in " + checkpoints() + "; train first"));
  }
}
