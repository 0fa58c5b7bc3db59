package io.github.eqvae.train;

import io.github.eqvae.tensor.Profiler;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Gives the stream a micro-batch's phases, operation by operation or as graphs. */
final class StepRunner implements AutoCloseable {
  /** The key that determines the operations of a phase. */
  private record Key(int place, Object signature, boolean first, boolean last) {}

  private final Task task;
  private final StepWork work;
  private final TensorArena arena;
  private final StepGraphs<Key, List<LossReport>> graphs;

  StepRunner(Task task, StepWork work, Stream stream, TensorArena arena, boolean capture) {
    this.task = task;
    this.work = work;
    this.arena = arena;
    // Kernels of a graph have no times of their own.
    graphs = new StepGraphs<>(stream, arena, capture && !Profiler.wanted());
  }

  /**
   * A part that was run.
   *
   * @param group which group it updated
   * @param report what its losses mean
   */
  record Done(int group, LossReport report) {}

  /**
   * Runs a micro-batch.
   *
   * @return its parts in their order
   */
  List<Done> run(List<Phase> phases, MicroBatch at) {
    List<Done> done = new ArrayList<>();
    for (int i = 0; i < phases.size(); i++) {
      Phase phase = phases.get(i);
      boolean opening = at.first() && i == 0;
      if (i > 0) {
        arena.reset(); // so that a phase's memory does not depend on those before it
      }
      List<LossReport> reports =
          graphs.run(key(phase, i, at), () -> work.run(phase, at, opening), () -> written(phase));
      work.meet(phase, at, opening);
      for (int k = 0; k < reports.size(); k++) {
        done.add(new Done(phase.parts().get(k).group(), reports.get(k)));
      }
    }
    return done;
  }

  private static @Nullable Key key(Phase phase, int place, MicroBatch at) {
    return phase.signature() == null
        ? null
        : new Key(place, phase.signature(), at.first(), at.last());
  }

  private void written(Phase phase) {
    phase.parts().forEach(p -> task.groups().get(p.group()).store().gradientsWritten());
  }

  GraphStatistics statistics() {
    return new GraphStatistics(graphs.captured(), graphs.launched());
  }

  @Override
  public void close() {
    graphs.close();
  }
}
