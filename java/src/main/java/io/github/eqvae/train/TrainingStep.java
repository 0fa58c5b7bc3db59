package io.github.eqvae.train;

import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.Overlap;
import io.github.eqvae.tensor.DeviceCommunicator;
import io.github.eqvae.tensor.Profiler;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One step of a run: its micro-batches, their losses, the updates. The micro-batches of a step are
 * dealt to the ranks in turn.
 *
 * <p>A phase is done for all micro-batches before the next phase begins. So a later phase sees the
 * update of an earlier one in every micro-batch, as it does without accumulation, and it makes no
 * difference by how many ranks the micro-batches are computed. For example, the discriminator
 * judges images of the updated autoencoder only.
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
  private final int accumulate;
  private @Nullable StepBatches kept;
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
    accumulate = recipe.optimizer().accumulate();
    stepArena = new TensorArena(stream.device(), "step");
    stepArena.reserve(plan.stepBytes());
    inputs = new InputQueue(stream.device(), task.batch());
    boolean graphs = capture && !Profiler.wanted(); // kernels of a graph have no times of their own
    work =
        new StepWork(recipe, task, state, ranks, gpus, stream, stepArena, inputs.inputs(), graphs);
    runner = new StepRunner(task, work, stream, stepArena, graphs);
  }

  /** Begins with other batches than before. */
  void begin() {
    inputs.clear();
    kept = null;
    between = true;
  }

  /** Whether the state is that of whole steps. */
  boolean isBetween() {
    return between;
  }

  TensorArena arena() {
    return stepArena;
  }

  GraphStatistics graphs() {
    return runner.statistics();
  }

  Overlap.Times gradientTimes() {
    return work.times();
  }

  StepReport run(BatchSource batches, DivergenceGuard guard, TrainListener listener)
      throws IOException {
    long start = System.nanoTime();
    kept = kept != null && kept.source() == batches ? kept : new StepBatches(batches);
    Tally tally = new Tally();
    MicroBatch at = at(0);
    int phases = task.phases(at).size(); // of every micro-batch of this step
    for (int place = 0; place < phases; place++) {
      for (int micro = 0; micro < accumulate; micro++) {
        at = at(micro);
        if (place == 0 || accumulate > 1) {
          inputs.take(source(at.step(), at.index()), at.index(), stream);
          between = false;
          if (state.step == 0 && place == 0 && micro == 0) {
            startFrom(work.context(0));
          }
          writeValues(at);
        }
        Phase phase = task.phases(at).get(place);
        List<StepRunner.Done> done = runner.run(phase, place, at);
        loadAhead(at, place == phases - 1); // while the device computes
        tally.add(phase, done, at);
      }
    }
    tally.read();
    stepArena.reset();
    Map<String, Double> values = tally.values;
    RankValues.average(ranks, values);
    double rate = rate(0);
    MicroBatch first = at(0);
    state.step++;
    state.batches += (long) accumulate * ranks.size();
    kept.forgetBefore(state.batches);
    guard.check(tally.skip ? Double.NaN : values.getOrDefault("total", 0.0), tally.norms);
    state.consecutiveSkips = guard.consecutive();
    state.skipped = guard.skipped();
    NonFiniteMicroBatch culprit = tally.culprit;
    if (culprit != null) {
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
        task.notes(at),
        task.batch().samples() * accumulate * ranks.size(),
        seconds,
        tally.skip);
  }

  /** This rank's next micro-batches. */
  private MicroBatch at(int micro) {
    long index = state.batches + (long) micro * ranks.size() + ranks.rank();
    return new MicroBatch(state.step, index, micro == 0, micro == accumulate - 1);
  }

  /** Where a batch is read from: batches that several phases read are kept for their step. */
  private BatchSource source(long step, long index) {
    StepBatches all = Objects.requireNonNull(kept);
    boolean again =
        accumulate > 1 && task.phases(new MicroBatch(step, index, true, false)).size() > 1;
    return again ? all : all.source();
  }

  private void loadAhead(MicroBatch at, boolean lastPhase) {
    long index = at.index() + ranks.size();
    if (!at.last()) {
      inputs.load(source(at.step(), index), index);
    } else if (!lastPhase) {
      if (accumulate > 1) {
        inputs.load(source(at.step(), at(0).index()), at(0).index());
      }
    } else if (at.step() + 1 < recipe.run().steps()) {
      inputs.load(source(at.step() + 1, index), index);
    }
  }

  /** What a step's parts report, together. */
  private final class Tally {
    /** Parts whose results are still on the device. */
    private record Pending(Phase phase, StepRunner.Done part, MicroBatch at) {}

    final Map<String, Double> values = new LinkedHashMap<>();
    final List<Pending> pending = new ArrayList<>();
    boolean skip;
    double norms;
    @Nullable NonFiniteMicroBatch culprit; // the first one

    /** Reads the results of parts now, or after the step's last part if nothing overwrites them. */
    void add(Phase phase, List<StepRunner.Done> done, MicroBatch at) {
      done.forEach(part -> pending.add(new Pending(phase, part, at)));
      if (accumulate > 1) {
        read();
      }
    }

    void read() {
      for (Pending one : pending) {
        MicroBatch at = one.at();
        int group = one.part().group();
        StepWork.Outcome outcome = work.read(group, one.part().report(), at);
        outcome.losses().forEach((k, v) -> values.merge(k, v / accumulate, Double::sum));
        if (at.last()) {
          values.put(task.groups().get(group).norm(), outcome.norm());
          norms += outcome.norm();
          if (!outcome.skipped()) {
            state.group(group).countUpdate();
          }
        }
        skip |= outcome.skipped();
      }
      if (skip && culprit == null) {
        MicroBatch at = pending.getLast().at();
        boolean own = pending.stream().anyMatch(p -> work.isOwnNotFinite(p.phase()));
        culprit = NonFiniteMicroBatch.first(at, inputs.batch(at.index()), own, ranks);
      }
      pending.clear();
    }
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
