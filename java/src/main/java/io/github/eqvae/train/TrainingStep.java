package io.github.eqvae.train;

import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.tensor.DeviceCommunicator;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One step of a run: its micro-batches, their losses, the update. The micro-batches of a step are
 * dealt to the ranks in turn.
 */
final class TrainingStep implements AutoCloseable {
  private final TrainingRecipe<?> recipe;
  private final Task task;
  private final TrainState state;
  private final Communicator ranks;
  private final SharedState shared;
  private final Stream stream;
  private final TensorArena stepArena;
  private final InputQueue inputs;
  private final StepWork work;
  private final StepRunner runner;
  private boolean between = true; // no step is under way: the state is that of whole steps

  TrainingStep(
      TrainingRecipe<?> recipe,
      Task task,
      TrainState state,
      Communicator ranks,
      Optional<DeviceCommunicator> gpus,
      SharedState shared,
      Stream stream,
      MemoryPlan plan,
      boolean capture) {
    this.recipe = recipe;
    this.task = task;
    this.state = state;
    this.ranks = ranks;
    this.shared = shared;
    this.stream = stream;
    stepArena = new TensorArena(stream.device(), "step");
    stepArena.reserve(plan.stepBytes());
    inputs = new InputQueue(stream.device(), task.batch(), ranks.size());
    work = new StepWork(recipe, task, state, ranks, gpus, stream, stepArena, inputs.inputs());
    runner = new StepRunner(task, work, stream, stepArena, capture);
  }

  /** Begins with other batches than before. */
  void begin() {
    inputs.clear();
    between = true;
  }

  /** Whether the state is that of whole steps. */
  boolean isBetween() {
    return between;
  }

  GraphStatistics graphs() {
    return runner.statistics();
  }

  StepReport run(BatchSource batches, DivergenceGuard guard, TrainListener listener)
      throws IOException {
    long start = System.nanoTime();
    int accumulate = recipe.optimizer().accumulate();
    Map<String, Double> values = new LinkedHashMap<>();
    MicroBatch first = null;
    MicroBatch at = null;
    NonFiniteMicroBatch culprit = null; // the first one
    boolean skip = false;
    double norms = 0;
    for (int micro = 0; micro < accumulate; micro++) {
      long index = state.batches + (long) micro * ranks.size() + ranks.rank();
      at = new MicroBatch(state.step, index, micro == 0, micro == accumulate - 1);
      first = first == null ? at : first;
      inputs.take(batches, index, stream);
      between = false;
      if (state.step == 0 && micro == 0) {
        startFrom(work.context(0));
      }
      writeValues(at);
      task.groups().forEach(g -> g.store().newUpdate()); // micro-batches are added by GradientSum
      List<StepRunner.Done> done = runner.run(task.phases(at), at);
      if (!at.last() || state.step + 1 < recipe.run().steps()) {
        inputs.load(batches, index + ranks.size()); // while the device computes
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
        boolean own = work.isOwnNotFinite();
        culprit = NonFiniteMicroBatch.first(at, inputs.batch(index), own, ranks);
      }
      stepArena.reset();
    }
    RankValues.average(ranks, values);
    double rate = rate(0);
    state.step++;
    state.batches += (long) accumulate * ranks.size();
    guard.check(skip ? Double.NaN : values.getOrDefault("total", 0.0), norms);
    state.consecutiveSkips = guard.consecutive();
    state.skipped = guard.skipped();
    if (culprit != null && first != null) {
      task.rollback(first, stream);
    }
    between = true;
    if (culprit != null) {
      listener.nonFinite(state.step, culprit.batch(), values, task.notes(culprit.at()));
    }
    values.put("learning_rate", rate);
    double seconds = (System.nanoTime() - start) * 1e-9;
    return new StepReport(
        state.step,
        recipe.run().steps(),
        values,
        at == null ? Map.of() : task.notes(at),
        task.batch().samples() * accumulate * ranks.size(),
        seconds,
        skip);
  }

  /** What starts at the run's first batch is computed by the rank that has it. */
  private void startFrom(StepContext context) {
    boolean wrote = ranks.isFirst() && task.initialize(context);
    if (ranks.max(wrote ? 1 : 0) > 0) {
      if (ranks.isFirst()) {
        state.averagesStartHere();
      }
      shared.broadcast();
    }
    stepArena.reset();
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

  @Override
  public void close() {
    runner.close();
    work.close();
    inputs.close();
    stepArena.close();
  }
}
