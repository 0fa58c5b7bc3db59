package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Image;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.Validation;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.log.TensorBoardWriter;
import io.github.eqvae.train.recipe.SettingChange;
import java.io.IOException;
import java.nio.file.Files;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A complete training, from files to files: it reads the data that a recipe names, trains, and
 * leaves recipe, checkpoints, logs, samples, the model and its report in one folder.
 *
 * <pre>{@code
 * AutoencoderRecipe recipe = AutoencoderRecipe.read(Path.of("recipe.yaml"), List.of());
 * RunFolder folder = new RunFolder(Path.of("runs/mine"));
 * try (var run = TrainingRun.open(recipe, folder, RunObserver.NONE)) {
 *   run.begin(false);
 *   if (run.train() == Trainer.End.FINISHED) {
 *     System.out.println(run.finish());
 *   }
 * }
 * }</pre>
 *
 * <p>Used by one thread, but for {@link #requestStop}.
 *
 * @param <T> the kind of task
 */
public final class TrainingRun<T extends Task> implements AutoCloseable {
  private final RunnableRecipe<T> recipe;
  private final Workload<T> workload;
  private final RunFolder folder;
  private final RunObserver observer;
  private final Trainer<T> trainer;
  private boolean overfitBatch;
  private boolean averaged;
  private @Nullable FolderLock lock;
  private @Nullable BestModel best;
  private List<SettingChange> changes = List.of();
  private boolean over;

  /**
   * A run with data that were opened before.
   *
   * @param recipe the recipe
   * @param workload its data, closed with the run
   * @param folder receives all that the run writes; nothing is written before {@link #begin}
   * @param observer is told what happens
   * @throws IOException when weights that the task needs cannot be read
   */
  public TrainingRun(
      RunnableRecipe<T> recipe, Workload<T> workload, RunFolder folder, RunObserver observer)
      throws IOException {
    this(recipe, workload, folder, observer, Communicator.alone());
  }

  private TrainingRun(
      RunnableRecipe<T> recipe,
      Workload<T> workload,
      RunFolder folder,
      RunObserver observer,
      Communicator ranks)
      throws IOException {
    this.recipe = recipe;
    this.workload = workload;
    this.folder = folder;
    this.observer = observer;
    checkThreads(recipe, observer);
    trainer = new Trainer<>(recipe, ranks);
    if (recipe.run().math() == MathMode.BF16) {
      observer.say("computes on " + trainer.stream().device().info().detail());
    }
  }

  /**
   * Opens the data of a recipe and prepares its run.
   *
   * @param recipe the recipe
   * @param folder receives all that the run writes; nothing is written before {@link #begin}
   * @param observer is told what happens
   * @param ranks who trains together: this is the first one, {@link FollowerRun} is the others
   * @param <T> the kind of task
   * @return the run, to be closed by the caller
   * @throws IOException when data, or weights that the task needs, cannot be read
   * @throws EqvaeException.Argument when there are too few data, or files are missing
   */
  public static <T extends Task> TrainingRun<T> open(
      RunnableRecipe<T> recipe, RunFolder folder, RunObserver observer, Communicator ranks)
      throws IOException {
    Workload<T> workload = recipe.workload(observer);
    try {
      return new TrainingRun<>(recipe, workload, folder, observer, ranks);
    } catch (IOException | RuntimeException | Error e) {
      workload.close();
      throw e;
    }
  }

  /**
   * The same for one process.
   *
   * @param recipe the recipe
   * @param folder receives all that the run writes
   * @param observer is told what happens
   * @param <T> the kind of task
   * @return the run, to be closed by the caller
   * @throws IOException when data, or weights that the task needs, cannot be read
   */
  public static <T extends Task> TrainingRun<T> open(
      RunnableRecipe<T> recipe, RunFolder folder, RunObserver observer) throws IOException {
    return open(recipe, folder, observer, Communicator.alone());
  }

  /**
   * Compares {@code run.threads} with what the machine has.
   *
   * @param recipe the recipe
   * @param observer is told what is unusual
   * @throws EqvaeException.Argument if it is far too many
   */
  public static void checkThreads(RunnableRecipe<?> recipe, RunObserver observer) {
    ThreadCount.check(recipe.run(), Runtime.getRuntime().availableProcessors())
        .ifPresent(observer::note);
  }

  /**
   * Trains on the first batch only, again and again: if the loss does not fall, something is wrong.
   *
   * @param only whether to
   * @return this
   */
  public TrainingRun<T> overfitBatch(boolean only) {
    overfitBatch = only;
    return this;
  }

  /**
   * The recipe.
   *
   * @return as it was given
   */
  public RunnableRecipe<T> recipe() {
    return recipe;
  }

  /**
   * The folder.
   *
   * @return as it was given
   */
  public RunFolder folder() {
    return folder;
  }

  RunObserver observer() {
    return observer;
  }

  /**
   * The trainer.
   *
   * @return the trainer, owned by this
   */
  public Trainer<T> trainer() {
    return trainer;
  }

  /**
   * Whether the average (EMA) is in place.
   *
   * @return true after {@link #useAverage}, if the run keeps one
   */
  public boolean isAveraged() {
    return averaged;
  }

  /** Measures the average (EMA) from now on, if the run keeps one. */
  public void useAverage() {
    averaged = trainer.useAverage();
  }

  /** Asks the run to save and stop after the current step. Any thread may call this. */
  public void requestStop() {
    trainer.requestStop();
  }

  /**
   * Locks the folder, reads the weights to start or continue from, and writes the first files of
   * the run. If anything is refused, the folder stays as it was.
   *
   * @param resume whether to go on with the run in the folder from its newest whole checkpoint
   * @throws IOException when files cannot be read or written
   * @throws EqvaeException.Argument when the folder is taken, or what it holds does not fit
   */
  public void begin(boolean resume) throws IOException {
    folder.requireOutside(recipe);
    lock = folder.lock("train", observer::note);
    if (!resume) {
      FreeFolder.require(folder); // another process may have been quicker
    }
    HeldOutNames heldOut = new HeldOutNames(folder);
    if (resume) {
      folder.requireOverfit(overfitBatch);
      changes = AllowedChanges.in(folder, recipe);
      heldOut.require(workload.heldOutNames());
      workload.resume(folder);
    }
    start(resume);
    workload.check(trainer.stream());
    if (!resume) {
      BestModel.requireKnown(recipe.run(), workload.metrics());
    }
    best =
        new BestModel(
            recipe.run(),
            workload.metrics(),
            folder.best(),
            folder.metrics(),
            resume ? trainer.step() : 0);
    best.changed(changes.stream().map(SettingChange::key).toList());
    over = best.isOver() && trainer.step() < recipe.run().steps();
    RankAgreement.check(trainer.ranks(), recipe, workload, trainer, overfitBatch);
    // All checks are done; the rest changes the folder.
    if (!resume) {
      Files.createDirectories(folder.path());
      heldOut.write(workload.heldOutNames());
      workload.begin(folder);
      folder.writeRecipe(recipe);
      if (overfitBatch) {
        folder.markOverfit();
      }
    } else {
      heldOut.keep(workload.heldOutNames());
      if (!over) {
        folder.setModelAside();
      }
      if (!changes.isEmpty()) {
        folder.writeRecipe(recipe);
        observer.say("recipe.yaml has changed: " + changes);
      }
    }
    if (!over) {
      folder.keepCommand();
    }
  }

  /** Loads the weights that training starts or continues from. */
  private void start(boolean resume) throws IOException {
    if (!resume) {
      trainer.initialize();
    } else if (folder.hasCheckpoints()) {
      Checkpoint checkpoint = folder.latest(recipe, observer);
      folder.requireSteps(recipe, checkpoint.step());
      trainer.resume(checkpoint);
      observer.say("going on from " + checkpoint.directory());
      trainer.changedRanks().ifPresent(observer::note);
    } else {
      folder.requireUnfinished();
      trainer.initialize();
      observer.say(folder.path() + " has no checkpoint yet; starting from step 0");
    }
  }

  /**
   * Trains to the end or until asked to stop; {@link #begin} comes before.
   *
   * @return whether all is done, or the state was saved to be continued later
   * @throws IOException when data cannot be read or results not written
   * @throws EqvaeException.Diverged when training diverged; the message says what to try
   */
  public Trainer.End train() throws IOException {
    BestModel watched = begun();
    trainer.ranks().max(over ? 1 : 0); // the others learn whether there is something to do
    if (over) {
      observer.note(watched.ended(trainer.step(), folder, recipe.run().earlyStop()));
      return Trainer.End.FINISHED;
    }
    StartText.say(workload, recipe.run(), trainer.ranks(), observer);
    trainer.broadcast();
    long first = overfitBatch ? 0 : trainer.nextBatch();
    Trainer.End end;
    try (Workload.Batches batches = workload.batches(first, trainer.ranks().size());
        RunLog log = new RunLog(folder.metrics(), trainer.step());
        TensorBoardWriter board = new TensorBoardWriter(folder.tensorboard(), trainer.step());
        RunLogger logger = new RunLogger(this, log, board)) {
      if (!changes.isEmpty()) {
        Map<String, Object> line = new LinkedHashMap<>();
        changes.forEach(c -> line.put(c.key(), c.after()));
        log.write("changed", trainer.step(), line);
      }
      workload.prepareSamples();
      end =
          trainer.run(
              overfitBatch ? new RepeatedBatch(batches, first) : batches,
              validation(watched),
              folder.store(recipe),
              logger);
      log.write("resources", trainer.step(), new RunResources(trainer).line());
      if (watched.isOver() && end == Trainer.End.STOPPED) {
        end = Trainer.End.FINISHED;
        log.write("early_stop", trainer.step(), Map.of("reason", watched.reason()));
        observer.note("ended at step " + trainer.step() + ": " + watched.reason());
      }
    }
    observer.say(new RunResources(trainer).text(recipe.run().device()));
    return end;
  }

  private BestModel begun() {
    if (best == null) {
      throw new EqvaeException.Internal("a run is trained or finished before it began");
    }
    return best;
  }

  /** A picture of samples of the model as it is now. */
  Optional<Image> sample() throws IOException {
    return workload.sample(trainer);
  }

  void keepNonFinite(
      long step, HostBatch batch, Map<String, Double> values, Map<String, String> notes, RunLog log)
      throws IOException {
    new NonFiniteBatch<>(workload, folder, trainer)
        .write(step, batch, values, notes, log, observer);
  }

  private Validation validation(BestModel watched) {
    return () -> {
      Map<String, Double> values = workload.validate(trainer);
      watched.validated(
          trainer.step(), values, (file, more) -> workload.saveModel(trainer, folder, file, more));
      if (watched.isOver()) {
        trainer.requestStop();
      }
      return values;
    };
  }

  /**
   * Writes the model, measures it, and writes results and report.
   *
   * @return the summary for people: figures, and where the files are
   * @throws IOException when data cannot be read or results not written
   */
  public String finish() throws IOException {
    BestModel watched = begun();
    requireOwned();
    useAverage();
    workload.saveModel(
        trainer, folder, folder.model(), Map.of(RunFolder.STEP_KEY, Long.toString(trainer.step())));
    String figures = workload.finish(this);
    String report = Files.exists(folder.report()) ? "report " + folder.report() + "\n" : "";
    return figures + watched.text() + report + "model  " + folder.model();
  }

  /** Fails if another process took the folder over. */
  void requireOwned() throws IOException {
    if (lock != null) {
      lock.requireOwned();
    }
  }

  /** Unlocks the folder; {@link #close} does so, too. Any thread may call this. */
  public void unlock() {
    FolderLock held = lock;
    if (held == null) {
      return;
    }
    try {
      held.close();
    } catch (IOException e) {
      observer.note("the lock of " + folder.path() + " stays: " + e.getMessage());
    }
  }

  @Override
  public void close() {
    try {
      trainer.close();
      workload.close();
    } finally {
      unlock();
    }
  }
}
