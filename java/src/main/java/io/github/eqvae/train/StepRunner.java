package io.github.eqvae.train;

import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Gives the stream the phases of micro-batches, operation by operation or as graphs. */
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
    graphs = new StepGraphs<>(stream, arena, capture);
  }

  /**
   * A part that was run.
   *
   * @param group which group it updated
   * @param report what its losses mean
   */
  record Done(int group, LossReport report) {}

  /**
   * Runs a phase of a micro-batch. What was in the step arena is gone: a phase's memory does not
   * depend on those before it.
   *
   * @param place its position among the phases
   * @return its parts in their order
   */
  List<Done> run(Phase phase, int place, MicroBatch at) {
    boolean opening = at.first() && place == 0;
    arena.reset();
    phase.parts().forEach(p -> task.groups().get(p.group()).store().newUpdate());
    List<LossReport> reports =
        graphs.run(key(phase, place, at), () -> work.run(phase, at, opening), () -> written(phase));
    work.reduce(phase, at, opening);
    List<Done> done = new ArrayList<>();
    for (int k = 0; k < reports.size(); k++) {
      done.add(new Done(phase.parts().get(k).group(), reports.get(k)));
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
