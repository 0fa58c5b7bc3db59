package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.Invocation;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Folders;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.TrainingRecipe;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.recipe.StartedIn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The folder of a run: {@code recipe.yaml}, {@code checkpoints/}, {@code metrics.jsonl}, {@code
 * samples/}, {@code model.safetensors}, {@code evaluation.json}, {@code report.html} and others;
 * {@code docs/runs.md} lists all.
 *
 * @param path the folder
 */
public record RunFolder(Path path) {
  /** A key of a model's file: the step that the weights are of. */
  public static final String STEP_KEY = "eqvae.step";

  /**
   * The complete recipe.
   *
   * @return its path, whether it exists or not
   */
  public Path recipe() {
    return path.resolve("recipe.yaml");
  }

  /**
   * The folder of checkpoints.
   *
   * @return its path, whether it exists or not
   */
  public Path checkpoints() {
    return path.resolve("checkpoints");
  }

  /**
   * The log.
   *
   * @return its path, whether it exists or not
   */
  public Path metrics() {
    return path.resolve("metrics.jsonl");
  }

  /**
   * The folder of TensorBoard events.
   *
   * @return its path, whether it exists or not
   */
  public Path tensorboard() {
    return path.resolve("tensorboard");
  }

  /**
   * The folder of sample pictures.
   *
   * @return its path, whether it exists or not
   */
  public Path samples() {
    return path.resolve("samples");
  }

  /**
   * The folder of batches in whose step something was not finite.
   *
   * @return its path, whether it exists or not
   */
  public Path nonFinite() {
    return path.resolve("nonfinite");
  }

  /**
   * The model at the end of the run.
   *
   * @return its path, whether it exists or not
   */
  public Path model() {
    return path.resolve("model.safetensors");
  }

  /**
   * The best model by {@code run.best_metric}, if the recipe asks for it.
   *
   * @return its path, whether it exists or not
   */
  public Path best() {
    return path.resolve("model-best.safetensors");
  }

  /**
   * The figures of the model.
   *
   * @return its path, whether it exists or not
   */
  public Path evaluation() {
    return path.resolve("evaluation.json");
  }

  /**
   * The report.
   *
   * @return its path, whether it exists or not
   */
  public Path report() {
    return path.resolve("report.html");
  }

  /**
   * The command lines that trained here, in their order.
   *
   * @return its path, whether it exists or not
   */
  public Path commands() {
    return path.resolve("command.txt");
  }

  /**
   * The names of what is held out of {@code data.path}.
   *
   * @return its path, whether it exists or not
   */
  public Path heldOut() {
    return path.resolve("held-out.txt");
  }

  /**
   * The run's checkpoints.
   *
   * @param recipe says how many are kept
   * @return their store
   */
  public CheckpointStore store(TrainingRecipe<?> recipe) {
    return new CheckpointStore(checkpoints(), recipe.run().keep());
  }

  /**
   * Whether a run was begun here.
   *
   * @return true if there is a recipe
   */
  public boolean isUsed() {
    return Files.exists(recipe());
  }

  /**
   * Whether a run ended here, and was not continued since.
   *
   * @return true if there is a model
   */
  public boolean isFinished() {
    return Files.exists(model());
  }

  /** Adds the command line of this process to {@code command.txt}. */
  void keepCommand() throws IOException {
    String before = Files.exists(commands()) ? Files.readString(commands()) : "";
    AtomicFiles.write(commands(), before + Invocation.published() + "\n");
  }

  /**
   * Refuses to continue to a step that the run has passed.
   *
   * @param recipe the recipe to continue with
   * @param done steps done
   * @throws EqvaeException.Argument if the recipe has fewer
   */
  public void requireSteps(TrainingRecipe<?> recipe, long done) {
    if (done > recipe.run().steps()) {
      throw new EqvaeException.Argument(
          path
              + " has done "
              + done
              + " steps; run.steps "
              + recipe.run().steps()
              + " is fewer. To continue, name more: "
              + Invocation.command("train", "--resume", path, "--steps", 2 * done)
              + ". For a shorter run, begin another one in another folder.");
    }
  }

  /**
   * Refuses to begin a finished run anew because its checkpoints were deleted: its metrics and
   * figures would be replaced.
   *
   * @throws EqvaeException.Argument if it is finished
   */
  public void requireUnfinished() {
    if (isFinished()) {
      throw new EqvaeException.Argument(
          path
              + " is finished, but has no checkpoints any more, so it cannot be continued. Begin"
              + " another run with its weights (--set model.init_from="
              + path
              + "), or delete "
              + model().getFileName()
              + " to start over from step 0");
    }
  }

  /**
   * Keeps other processes from writing here.
   *
   * @param command what this process does, for their messages
   * @param note told what was found, such as the lock of a process that has ended
   * @return the lock, to be closed
   * @throws IOException when it cannot be written
   * @throws EqvaeException.Argument when another process has it
   */
  public FolderLock lock(String command, Consumer<String> note) throws IOException {
    return FolderLock.acquire(path, command, note);
  }

  /** Why no other run can begin here. */
  EqvaeException.Argument isTaken() {
    return new EqvaeException.Argument(
        path
            + " already holds a run. Go on with it: "
            + Invocation.command("train", "--resume", path)
            + "; or name another folder with --out; or delete it.");
  }

  /** Removes the model of an earlier end, which others would take for the run's model. */
  void setModelAside() throws IOException {
    if (Files.exists(model())) {
      Files.move(
          model(),
          path.resolve("model-before-resume.safetensors"),
          StandardCopyOption.REPLACE_EXISTING);
    }
  }

  void writeRecipe(TrainingRecipe<?> recipe) throws IOException {
    Files.createDirectories(path);
    StartedIn.write(path);
    AtomicFiles.write(recipe(), recipe.toYaml());
  }

  /**
   * Refuses a place among what the recipe reads: the run's samples would be taken for it.
   *
   * @param recipe names the pictures
   * @throws IOException when the folders cannot be looked at
   * @throws EqvaeException.Argument if the run's folder is listed with them
   */
  public void requireOutside(RunnableRecipe<?> recipe) throws IOException {
    for (String key :
        List.of("data.path", "data.validation_path", "distance.reference", "alignment.images")) {
      String named = recipe.settings().getOrDefault(key, "").replaceAll("^Optional\\[(.*)]$", "$1");
      boolean isUnset = named.isEmpty() || named.equals("Optional.empty");
      Path data = Path.of(named);
      boolean same = !isUnset && !isUsed() && Folders.isSame(path, data);
      // an index lists what is read
      boolean lists = !isUnset && !Files.exists(data.resolve("index.json"));
      if (same || lists && Folders.isListedIn(path, data)) {
        throw new EqvaeException.Argument(
            path
                + ", the folder of the run, lies in "
                + key
                + " "
                + named
                + ", and its samples would lie among what is read. "
                + (isUsed()
                    ? "Move it to another place; a run can be continued anywhere."
                    : "Name a folder beside it with --out."));
      }
    }
  }

  private Path overfitMark() {
    return path.resolve("overfit-batch.txt");
  }

  /** Notes that the run is trained on its first batch only. */
  void markOverfit() throws IOException {
    AtomicFiles.write(overfitMark(), "Trained on the first batch only (--overfit-batch).\n");
  }

  /**
   * Refuses to continue a run on other batches than those that it began with.
   *
   * @param overfit whether it is to be trained on the first batch only
   * @throws EqvaeException.Argument if it began otherwise
   */
  void requireOverfit(boolean overfit) {
    if (Files.exists(overfitMark()) != overfit) {
      throw new EqvaeException.Argument(
          path
              + (overfit
                  ? " is trained on all of its data: leave out --overfit-batch, or begin another"
                      + " run with it"
                  : " is trained on its first batch only: add --overfit-batch, or begin another"
                      + " run without it"));
    }
  }

  /**
   * The recipe with which the run was last continued, with the overrides of this call.
   *
   * @param overrides as for {@link RecipeReader#read}
   * @param kinds what it may be
   * @param <R> what all of these are
   * @return the recipe
   * @throws EqvaeException.Argument if this is not the folder of a run, or the recipe is not valid
   */
  public <R> R readRecipe(List<String> overrides, List<? extends RecipeKind<? extends R>> kinds) {
    if (!Files.isRegularFile(recipe())) {
      throw new EqvaeException.Argument(
          path
              + " is not the folder of a run: it has no recipe.yaml (runs/demo/eq, for example, has"
              + " one)");
    }
    return RecipeReader.read(recipe(), overrides, kinds);
  }

  /**
   * The recipe to continue with. Length, rates, weights of losses and paths may change; settings
   * that the network's weights belong to may not.
   *
   * @param overrides as for {@link RecipeReader#read}
   * @param kinds what it may be
   * @return the recipe
   * @throws EqvaeException.Argument if this is not the folder of a run, or a setting changes that
   *     may not
   */
  public RunnableRecipe<?> resumedRecipe(
      List<String> overrides, List<? extends RecipeKind<? extends RunnableRecipe<?>>> kinds) {
    return resumed(readRecipe(List.of(), kinds), overrides);
  }

  private <T extends Task> RunnableRecipe<T> resumed(
      RunnableRecipe<T> before, List<String> overrides) {
    RunnableRecipe<T> after = readRecipe(overrides, List.of(before.kind()));
    AllowedChanges.between(before, after);
    return after;
  }

  /**
   * Whether the run has ever saved a checkpoint, even a damaged one.
   *
   * @return true if there is any
   * @throws IOException when the folder cannot be read
   */
  public boolean hasCheckpoints() throws IOException {
    if (!Files.isDirectory(checkpoints())) {
      return false;
    }
    try (Stream<Path> entries = Files.list(checkpoints())) {
      return entries.anyMatch(p -> p.getFileName().toString().startsWith("step-"));
    }
  }

  /**
   * The newest complete checkpoint.
   *
   * @param recipe of the run
   * @param observer told which were refused
   * @return the checkpoint
   * @throws IOException when the folder cannot be read
   * @throws EqvaeException.Argument when there is none
   */
  public Checkpoint latest(TrainingRecipe<?> recipe, RunObserver observer) throws IOException {
    CheckpointStore.Latest latest = store(recipe).latest();
    for (CheckpointStore.Refusal refusal : latest.refused()) {
      observer.say("checkpoint " + refusal.directory() + " was refused: " + refusal.reason());
    }
    return latest
        .checkpoint()
        .orElseThrow(
            () ->
                new EqvaeException.Argument(
                    "There is no usable checkpoint in " + checkpoints() + "; train first"));
  }
}
