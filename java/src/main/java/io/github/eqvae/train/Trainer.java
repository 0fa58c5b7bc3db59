package io.github.eqvae.train;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MemoryStats;
import io.github.eqvae.tensor.Profiler;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RunRecipe;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
  private final TensorArena stepArena;
  private final InputQueue inputs;
  private final StepWork work;
  private final StepRunner runner;
  private volatile boolean stopRequested;
  private boolean begun;
  private boolean between; // no step is under way: the state is that of whole steps
  private long saved; // the step of the newest checkpoint

  /**
   * Prepares a run: opens the device, makes the task, reserves the memory a step needs.
   *
   * @param recipe the recipe
   * @throws IOException when weights that the task needs cannot be read
   */
  public Trainer(TrainingRecipe<T> recipe) throws IOException {
    this.recipe = recipe;
    plan = MemoryPlan.of(recipe);
    RunRecipe run = recipe.run();
    device = Device.open(run.device(), run.threads());
    stream = new Stream(device);
    stream.reserveScratch(plan.scratchBytes());
    stream.math(run.math());
    task = recipe.task(stream, false);
    state = new TrainState(recipe, task, stream);
    stepArena = new TensorArena(device, "step");
    stepArena.reserve(plan.stepBytes());
    inputs = new InputQueue(device, task.batch());
    work = new StepWork(recipe, task, state, stream, stepArena, inputs.inputs());
    boolean capture = device.info().graphs() && run.graphs() == RunRecipe.Graphs.AUTO;
    runner = new StepRunner(task, work, stream, stepArena, capture);
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
   * Updates that were skipped because a loss or a gradient was not finite.
   *
   * @return the count, over all resumptions
   */
  public long skippedUpdates() {
    return state.skipped;
  }

  /**
   * Reads the weights that training starts from, if the recipe names any. {@link #run} does this
   * itself unless a checkpoint was resumed. Called earlier, a wrong file is noticed before anything
   * is written.
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
    state.save(store);
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
    inputs.clear();
    BatchSource whole =
        (index, batch) -> {
          batches.load(index, batch);
          task.complete(batch);
        };
    RunRecipe run = recipe.run();
    DivergenceGuard guard =
        new DivergenceGuard(run.maxConsecutiveNonfinite(), state.consecutiveSkips, state.skipped);
    between = true;
    saved = state.step;
    try {
      listener.started(state.step, run.steps());
      Profiler.startIfWanted(device);
      while (state.step < run.steps()) {
        StepReport report = step(whole, guard, listener);
        listener.step(report);
        boolean last = state.step == run.steps();
        if (guard.isExhausted()) {
          throw new EqvaeException.Diverged(guard.advice(task.advice()));
        }
        if (due(run.validateEvery(), last) && validation != null) {
          listener.validated(state.step, averaged(validation));
        }
        if (due(run.sampleEvery(), last)) {
          averaged(
              () -> {
                listener.samples(state.step);
                return Map.of();
              });
        }
        if (due(run.saveEvery(), last) || stopRequested) {
          save(checkpoints, listener);
        }
        if (stopRequested && !last) {
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
    listener.saving(state.step);
    save(checkpoints);
    saved = state.step;
  }

  /** Before a run ends because a file could not be read or written: its steps are not lost. */
  private void keepSteps(CheckpointStore checkpoints, TrainListener listener, IOException cause) {
    try {
      if (between && saved != state.step) {
        save(checkpoints, listener);
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
    List<ParameterGroup> groups = task.groups();
    for (int g = 0; g < groups.size(); g++) {
      var average = state.group(g).average();
      if (average != null) {
        groups.get(g).store().load(stream, average.average());
      }
    }
    return state.hasAverage();
  }

  private StepReport step(BatchSource batches, DivergenceGuard guard, TrainListener listener)
      throws IOException {
    long start = System.nanoTime();
    int accumulate = recipe.optimizer().accumulate();
    Map<String, Double> values = new LinkedHashMap<>();
    task.groups().forEach(g -> g.store().newUpdate());
    MicroBatch first = null;
    MicroBatch at = null;
    MicroBatch culprit = null; // the first micro-batch that was not finite
    HostBatch its = null;
    boolean skip = false;
    double norms = 0;
    for (int micro = 0; micro < accumulate; micro++) {
      long index = state.step * accumulate + micro;
      at = new MicroBatch(state.step, index, micro == 0, micro == accumulate - 1);
      first = first == null ? at : first;
      inputs.take(batches, index, stream);
      between = false;
      if (index == 0) {
        if (task.initialize(work.context(0))) {
          state.averagesStartHere();
        }
        stepArena.reset();
      }
      writeValues(at);
      List<StepRunner.Done> done = runner.run(task.phases(at), at);
      if (!at.last() || state.step + 1 < recipe.run().steps()) {
        inputs.load(batches, index + 1); // while the device computes
      }
      for (StepRunner.Done part : done) {
        StepWork.Outcome outcome = work.read(part.group(), part.report(), at);
        outcome.losses().forEach((k, v) -> values.merge(k, v / accumulate, Double::sum));
        skip |= outcome.skipped();
        if (at.last()) {
          values.put(task.groups().get(part.group()).norm(), outcome.norm());
          norms += outcome.norm();
          if (!outcome.skipped()) {
            state.group(part.group()).countUpdate();
          }
        }
      }
      if (skip && culprit == null) {
        culprit = at;
        its = inputs.batch(index).copy();
      }
      stepArena.reset();
    }
    double rate = rate(0);
    state.step++;
    guard.check(skip ? Double.NaN : values.getOrDefault("total", 0.0), norms);
    state.consecutiveSkips = guard.consecutive();
    state.skipped = guard.skipped();
    if (culprit != null && first != null) {
      task.rollback(first, stream);
    }
    between = true;
    if (culprit != null && its != null) {
      listener.nonFinite(state.step, its, values, task.notes(culprit));
    }
    values.put("learning_rate", rate);
    double seconds = (System.nanoTime() - start) * 1e-9;
    return new StepReport(
        state.step,
        recipe.run().steps(),
        values,
        at == null ? Map.of() : task.notes(at),
        task.batch().samples() * accumulate,
        seconds,
        skip);
  }

  /** All numbers of this micro-batch are copied to the device in one copy. */
  private void writeValues(MicroBatch at) {
    double[] own = new double[task.scalars()];
    task.scalars(at, own);
    StepValues values = work.values();
    values.setScalars(own);
    for (int g = 0; g < task.groups().size(); g++) {
      TrainState.Group group = state.group(g);
      double decay = group.average() == null ? 0 : emaDecay(group.averaged());
      values.setSchedule(g, group.optimizer().schedule(rate(g), decay));
    }
    values.copy(stream);
  }

  private double rate(int group) {
    OptimizerRecipe o = recipe.optimizer();
    return task.groups().get(group).learningRate() * o.factor(state.step, recipe.run().steps());
  }

  private double emaDecay(long updates) {
    return recipe.run().emaRule().decay(recipe.run().emaDecay().orElse(0.0), updates);
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
    return runner.statistics();
  }

  @Override
  public void close() {
    stream.sync(); // host memory that is still to be copied must outlive the copy
    runner.close();
    work.close();
    inputs.close();
    stepArena.close();
    task.close();
    stream.close();
    device.close();
  }
}
