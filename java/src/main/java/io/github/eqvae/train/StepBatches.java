package io.github.eqvae.train;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;

/**
 * Keeps the batches of a step in host memory until the step is over, because each phase reads all
 * of them and a source would read and decode its files again.
 */
final class StepBatches implements BatchSource {
  private final BatchSource source;
  private final Map<Long, HostBatch> kept = new HashMap<>();
  private final ArrayDeque<HostBatch> spare = new ArrayDeque<>(); // so that no step allocates

  StepBatches(BatchSource source) {
    this.source = source;
  }

  /** Where batches are read from first. */
  BatchSource source() {
    return source;
  }

  @Override
  public void load(long index, HostBatch batch) throws IOException {
    HostBatch known = kept.get(index);
    if (known != null) {
      batch.set(known);
      return;
    }
    source.load(index, batch);
    HostBatch free = spare.poll();
    if (free == null) {
      kept.put(index, batch.copy());
    } else {
      free.set(batch);
      kept.put(index, free);
    }
  }

  /** Forgets batches before an index: their step is over. */
  void forgetBefore(long index) {
    kept.entrySet()
        .removeIf(
            e -> {
              boolean over = e.getKey() < index;
              if (over) {
                spare.add(e.getValue());
              }
              return over;
            });
  }
}
