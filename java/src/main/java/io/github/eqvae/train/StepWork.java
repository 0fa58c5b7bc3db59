package io.github.eqvae.train;

import io.github.eqvae.nn.GradientNorm;
import io.github.eqvae.nn.NonFiniteCount;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.Overlap;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.DeviceCommunicator;
import io.github.eqvae.tensor.HostBuffer;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RunRecipe;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The work of the device for a micro-batch: losses, gradients, norms, the check that everything is
 * finite, the updates. It never waits for the host, which reads one report at the end. Everything
 * that differs between micro-batches with one signature is in tensors ({@link StepValues}, the
 * inputs), so the work can be captured once and launched again.
 */
final class StepWork implements AutoCloseable {
  /**
   * One group's results: how many numbers were not finite when its update was due, the sum of
   * squares of its gradients, its losses.
   */
  private static final class Results {
    final Tensor all;
    final HostBuffer host;
    final StepContext context;

    Results(Device device, TensorArena arena, int losses, StepContext common) {
      Shape shape = Shape.of(2 + losses);
      all = arena.tensor(shape);
      host = new HostBuffer(device, shape, device.dtype());
      context =
          new StepContext(
              common.stream(),
              common.arena(),
              common.mode(),
              common.batch(),
              common.scalars(),
              all.narrow(0, 2, losses));
    }

    Tensor skipped() {
      return all.narrow(0, 0, 1).reshape(Shape.SCALAR);
    }

    Tensor squares() {
      return all.narrow(0, 1, 1).reshape(Shape.SCALAR);
    }
  }

  private final OptimizerRecipe optimizer;
  private final Task task;
  private final TrainState state;
  private final Communicator ranks;
  private final GradientSum gradients;
  private final Stream stream;
  private final StepValues values;
  private final TensorArena arena;
  private final NonFiniteCount notFinite; // of this step
  private boolean known; // a number of some rank is not finite, and this rank has been told
  private boolean ownLoss; // the loss of this rank is not finite
  private final List<Results> results = new ArrayList<>();

  StepWork(
      TrainingRecipe<?> recipe,
      Task task,
      TrainState state,
      Communicator ranks,
      Optional<DeviceCommunicator> gpus,
      Stream stream,
      TensorArena stepArena,
      Map<String, Tensor> inputs,
      boolean graphs) {
    this.optimizer = recipe.optimizer();
    this.task = task;
    this.state = state;
    this.ranks = ranks;
    this.stream = stream;
    gradients =
        new GradientSum(
            task,
            stream,
            optimizer.accumulate(),
            ranks,
            gpus,
            recipe.run().gradientOrder(),
            graphs);
    Device device = stream.device();
    List<ParameterGroup> groups = task.groups();
    values = new StepValues(device, groups.size(), task.scalars());
    arena = new TensorArena(device, "results");
    notFinite = new NonFiniteCount(arena);
    StepContext common =
        new StepContext(
            stream, stepArena, mode(recipe.run()), inputs, values.scalars(), values.scalars());
    for (ParameterGroup g : groups) {
      results.add(new Results(device, arena, g.reports(), common));
    }
  }

  StepValues values() {
    return values;
  }

  /** What the parts of a group work with. */
  StepContext context(int group) {
    return results.get(group).context;
  }

  /**
   * One phase; with several ranks what this one computes of it, and {@link #reduce} comes after it.
   *
   * @param opening whether it is the first of its step
   * @return what the losses of its parts mean
   */
  List<LossReport> run(Phase phase, MicroBatch at, boolean opening) {
    if (opening) {
      notFinite.clear(stream);
      task.snapshot(at, stream);
    }
    List<LossReport> reports = new ArrayList<>();
    for (Phase.Part part : phase.parts()) {
      gradients.begin(part.group(), at);
      LossReport report = part.work().run(context(part.group()));
      collect(part.group(), report, at);
      reports.add(report);
    }
    return reports;
  }

  /** Adds up gradients and counts losses that are not finite; one rank makes its update. */
  private void collect(int group, LossReport report, MicroBatch at) {
    Results r = results.get(group);
    ParameterStore store = task.groups().get(group).store();
    store.gradients(stream); // marks all as written: a graph's launch writes them all
    gradients.add(group, at);
    if (ranks.isAlone() && at.last()) {
      finish(group, r.all.narrow(0, 1, 1 + report.count()), true);
    } else {
      notFinite.add(stream, r.all.narrow(0, 2, report.count()));
      notFinite.total().copyTo(stream, r.skipped());
    }
  }

  /**
   * What follows a phase that several ranks computed: their gradients are added up, and if one rank
   * has something that is not finite, all skip the update. It is no part of a graph.
   */
  void reduce(Phase phase, MicroBatch at, boolean opening) {
    if (ranks.isAlone()) {
      return;
    }
    phase.parts().forEach(p -> gradients.addAfter(p.group(), at));
    phase.parts().forEach(p -> gradients.await(p.group()));
    known &= !opening;
    ownLoss &= !opening;
    double mine = notFinite.total().item(stream);
    double most = ranks.max(mine);
    ownLoss |= mine > 0 && !known;
    known |= most > 0;
    notFinite.total().fill(stream, most);
    for (Phase.Part part : phase.parts()) {
      finish(part.group(), results.get(part.group()).all.narrow(0, 1, 1), at.last());
    }
  }

  /**
   * Whether what this rank computed last is not finite, after a phase in which something is not.
   */
  boolean isOwnNotFinite(Phase phase) {
    return ownLoss
        || (!known && phase.parts().stream().anyMatch(p -> gradients.isOwnNotFinite(p.group())));
  }

  /** The norm, the check of what belongs to it, and the update if all is finite. */
  private void finish(int group, Tensor toCheck, boolean last) {
    Results r = results.get(group);
    if (last) {
      GradientNorm.squares(stream, task.groups().get(group).store(), r.squares());
      notFinite.add(stream, toCheck);
      TrainState.Group g = state.group(group);
      g.optimizer()
          .update(
              stream,
              values.schedule(group),
              1.0 / batches(),
              optimizer.gradientClip().orElse(Double.POSITIVE_INFINITY),
              r.squares(),
              notFinite.total(),
              g.average());
    }
    notFinite.total().copyTo(stream, r.skipped());
  }

  /** What the sums of all ranks' gradients took. */
  Overlap.Times times() {
    return gradients.times();
  }

  /** Micro-batches of a step, of all ranks. */
  private int batches() {
    return optimizer.accumulate() * ranks.size();
  }

  /** Waits for a group's results and reads them. */
  Outcome read(int group, LossReport report, MicroBatch at) {
    Results r = results.get(group);
    r.host.copyFrom(stream, r.all);
    double[] scalars = new double[report.count()];
    for (int i = 0; i < scalars.length; i++) {
      scalars[i] = r.host.get(2 + i);
    }
    double norm = Math.sqrt(r.host.get(1)) / batches();
    return new Outcome(report.read(scalars, at, stream), norm, r.host.get(0) != 0);
  }

  /**
   * The result of a part.
   *
   * @param losses by name
   * @param norm the gradients' norm; of the step's last micro-batch only
   * @param skipped whether something was not finite, in this part or before it in the step
   */
  record Outcome(Map<String, Double> losses, double norm, boolean skipped) {}

  private static Tape.Mode mode(RunRecipe run) {
    return run.recompute() == RunRecipe.Recompute.NONE ? Tape.Mode.RECORD : Tape.Mode.RECOMPUTE;
  }

  @Override
  public void close() {
    for (Results r : results) {
      r.host.close();
    }
    arena.close();
    values.close();
    gradients.close();
  }
}
