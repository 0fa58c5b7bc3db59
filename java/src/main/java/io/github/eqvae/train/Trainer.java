package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.LocalRank;
import io.github.eqvae.ranks.Overlap;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.DeviceCommunicator;
import io.github.eqvae.tensor.MemoryStats;
import io.github.eqvae.tensor.Profiler;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.RunRecipe;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Runs a {@link Task} by a recipe: micro-batches, updates, averages, checkpoints, validation.
 * Training is a pure function of (recipe, data): the same seed on the same device gives the same
 * bits, interrupted or not.
 *
 * @param <T> the kind of task
 */
public final class Trainer<T extends Task> implements AutoCloseable {
  /** How a run ended. */
  public enum End {
    /** All steps are done. */
    FINISHED,
    /** Someone asked to stop; the state was saved. */
    STOPPED
  }

  private final TrainingRecipe<T> recipe;
  private final Device device;
  private final Stream stream;
  private final MemoryPlan plan;
  private final T task;
  private final TrainState state;
  private final Communicator ranks;
  private final Optional<DeviceCommunicator> gpus;
  private final SharedState shared;
  private final TrainingStep steps;
  private volatile boolean stopRequested;
  private boolean begun;
  private long saved; // the step of the newest checkpoint

  /**
   * Prepares a run: opens the device, makes the task, reserves the memory a step needs.
   *
   * @param recipe the recipe
   * @throws IOException when weights that the task needs cannot be read
   */
  public Trainer(TrainingRecipe<T> recipe) throws IOException {
    this(recipe, Communicator.alone());
  }

  /**
   * Prepares one of the processes that train together. Each computes its share of the
   * micro-batches; the first one alone measures, shows and saves.
   *
   * @param recipe the recipe, the same for all
   * @param ranks who they are; stays the caller's
   * @throws IOException when weights that the task needs cannot be read
   */
  public Trainer(TrainingRecipe<T> recipe, Communicator ranks) throws IOException {
    this.recipe = recipe;
    this.ranks = ranks;
    plan = MemoryPlan.of(recipe);
    RunRecipe run = recipe.run();
    int local = ranks.isAlone() ? 0 : LocalRank.of(System.getenv());
    device = Device.ofRank(run.device(), run.threads(), local);
    gpus = meet(device, ranks, run.gradientOrder());
    stream = new Stream(device);
    stream.reserveScratch(plan.scratchBytes());
    stream.math(run.math());
    task = recipe.task(stream, false);
    if (!ranks.isAlone()) {
      task.join(ranks);
    }
    state = new TrainState(recipe, task, stream);
    shared = new SharedState(state, ranks, stream);
    boolean capture = device.info().graphs() && run.graphs() == RunRecipe.Graphs.AUTO;
    steps = new TrainingStep(recipe, task, state, ranks, gpus, shared, stream, plan, capture);
  }

  /** Lets the ranks' GPUs meet, if there are several ranks and they have GPUs. */
  private static Optional<DeviceCommunicator> meet(
      Device device, Communicator ranks, RunRecipe.GradientOrder order) {
    if (ranks.isAlone()) {
      return Optional.empty();
    }
    try {
      Optional<DeviceCommunicator> gpus = DeviceCommunicator.open(device, ranks);
      if (gpus.isEmpty() && order == RunRecipe.GradientOrder.LIBRARY) {
        throw new EqvaeException.Unsupported(
            "run.gradient_order: library is NCCL's all-reduce, and these ranks exchange gradients"
                + " without NCCL: use fixed");
      }
      return gpus;
    } catch (RuntimeException e) {
      device.close();
      throw e;
    }
  }

  /**
   * What is trained.
   *
   * @return the task, owned by this
   */
  public T task() {
    return task;
  }

  /**
   * The stream.
   *
   * @return what orders the work
   */
  public Stream stream() {
    return stream;
  }

  /**
   * Steps done.
   *
   * @return the count, over all resumptions
   */
  public long step() {
    return state.step;
  }

  /**
   * The ranks that train together.
   *
   * @return this process alone, unless it was told of others
   */
  public Communicator ranks() {
    return ranks;
  }

  /**
   * The micro-batch that this rank computes next.
   *
   * @return its index in the run
   */
  public long nextBatch() {
    return state.batches + ranks.rank();
  }

  /**
   * Gives all ranks the first one's weights, moments, averages and counts. Each calls it once,
   * before {@link #run}; the others need not have initialised or resumed.
   */
  public void broadcast() {
    shared.broadcast();
    begun = true;
  }

  /**
   * Says what is different if a run goes on with another number of ranks.
   *
   * @return a sentence; empty if there are as many as before
   */
  public Optional<String> changedRanks() {
    return shared.changed(recipe.optimizer().accumulate());
  }

  /**
   * Updates that were skipped because a loss or a gradient was not finite.
   *
   * @return the count, over all resumptions
   */
  public long skippedUpdates() {
    return state.skipped;
  }

  /**
   * Reads the weights that training starts from, if the recipe names any. {@link #run} does that,
   * too, unless a checkpoint was resumed. So a wrong file is noticed before anything is written.
   *
   * @throws IOException when they cannot be read
   * @throws EqvaeException.Argument when they are of another architecture; the message names it
   */
  public void initialize() throws IOException {
    if (!begun) {
      if (task.initialize()) {
        state.averagesStartHere();
      }
      begun = true;
    }
  }

  /**
   * Continues from a checkpoint.
   *
   * @param checkpoint a checkpoint of the same recipe
   * @throws IOException when it cannot be read
   * @throws EqvaeException.Argument when it does not fit the recipe
   */
  public void resume(Checkpoint checkpoint) throws IOException {
    state.load(checkpoint);
    begun = true;
  }

  /**
   * Saves the whole state.
   *
   * @param store where to
   * @throws IOException when writing fails; earlier checkpoints stay as they are
   */
  public void save(CheckpointStore store) throws IOException {
    state.save(store, ranks);
  }

  /** Asks the run to save and stop after the current step. Any thread may call this. */
  public void requestStop() {
    stopRequested = true;
  }

  /**
   * Trains to the end of the recipe.
   *
   * @param batches what is trained on
   * @param validation measures held-out data; null for none
   * @param checkpoints where the state is saved
   * @param listener gets the events of the run
   * @return whether the run finished
   * @throws IOException when data cannot be read or results not written; the steps that were done
   *     are saved first, unless the error came within a step, after one of its micro-batches
   * @throws EqvaeException.Diverged when training diverged; the message says what to try
   */
  public End run(
      BatchSource batches,
      @Nullable Validation validation,
      CheckpointStore checkpoints,
      TrainListener listener)
      throws IOException {
    initialize();
    steps.begin();
    BatchSource whole =
        (index, batch) -> {
          batches.load(index, batch);
          task.complete(batch);
        };
    RunRecipe run = recipe.run();
    DivergenceGuard guard =
        new DivergenceGuard(run.maxConsecutiveNonfinite(), state.consecutiveSkips, state.skipped);
    saved = state.step;
    try {
      listener.started(state.step, run.steps());
      Profiler.startIfWanted(device);
      while (state.step < run.steps()) {
        StepReport report = steps.run(whole, guard, listener);
        listener.step(report);
        boolean last = state.step == run.steps();
        if (guard.isExhausted()) {
          throw new EqvaeException.Diverged(guard.advice(task.advice()));
        }
        if (due(run.validateEvery(), last) && validation != null) {
          listener.validated(state.step, averaged(validation));
        }
        if (due(run.sampleEvery(), last) && ranks.isFirst()) {
          averaged(
              () -> {
                listener.samples(state.step);
                return Map.of();
              });
        }
        boolean stop = ranks.max(stopRequested ? 1 : 0) > 0; // all ranks at the same step
        if (due(run.saveEvery(), last) || stop) {
          save(checkpoints, listener);
        }
        if (stop && !last) {
          return End.STOPPED;
        }
      }
      return End.FINISHED;
    } catch (IOException e) {
      keepSteps(checkpoints, listener, e);
      throw e;
    }
  }

  private void save(CheckpointStore checkpoints, TrainListener listener) throws IOException {
    shared.requireSame();
    if (ranks.isFirst()) {
      listener.saving(state.step);
      save(checkpoints);
    }
    saved = state.step;
  }

  /** Before a run ends because a file could not be read or written: its steps are not lost. */
  private void keepSteps(CheckpointStore checkpoints, TrainListener listener, IOException cause) {
    try {
      if (steps.isBetween() && saved != state.step && ranks.isFirst()) {
        listener.saving(state.step);
        save(checkpoints);
        saved = state.step;
      }
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }

  private boolean due(long every, boolean last) {
    return last || (every > 0 && state.step % every == 0);
  }

  private Map<String, Double> averaged(Validation measurement) throws IOException {
    if (!state.hasAverage()) {
      return measurement.measure();
    }
    state.swapAverages();
    try {
      return measurement.measure();
    } finally {
      state.swapAverages();
      stream.sync();
    }
  }

  /**
   * Puts the averaged weights into the networks, for good.
   *
   * @return whether the run keeps an average
   */
  public boolean useAverage() {
    for (int g = 0; g < task.groups().size(); g++) {
      var average = state.group(g).average();
      if (average != null) {
        task.groups().get(g).store().load(stream, average.average());
      }
    }
    return state.hasAverage();
  }

  /**
   * Native memory of the run's device; constant after every shape has occurred.
   *
   * @return the device's counters
   */
  public MemoryStats memory() {
    return device.memory();
  }

  /**
   * The memory of the steps' activations, for other work between steps. Whoever uses it resets it.
   *
   * @return the arena, owned by this
   */
  public TensorArena stepMemory() {
    return steps.arena();
  }

  /**
   * What was reserved before the first step.
   *
   * @return the plan
   */
  public MemoryPlan plan() {
    return plan;
  }

  /**
   * How many parts of steps ran as graphs.
   *
   * @return how many graphs were captured and how often one was launched
   */
  public GraphStatistics graphs() {
    return steps.graphs();
  }

  /**
   * What the ranks' gradients took to be added up.
   *
   * @return bytes and times since the beginning; zeros for one rank
   */
  public Overlap.Times gradientTimes() {
    return steps.gradientTimes();
  }

  @Override
  public void close() {
    if (!steps.isBetween()) {
      gpus.ifPresent(DeviceCommunicator::abort); // a step has failed: nobody waits for the others
    }
    stream.sync(); // host memory that is still to be copied must outlive the copy
    steps.close();
    gpus.ifPresent(DeviceCommunicator::close);
    task.close();
    stream.close();
    device.close();
  }
}
