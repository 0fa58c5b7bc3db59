package io.github.eqvae.train.run;

import io.github.eqvae.train.BatchSource;
import io.github.eqvae.train.HostBatch;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The first batch, again and again. */
final class RepeatedBatch implements BatchSource {
  private final BatchSource source;
  private final long first;
  private @Nullable HostBatch kept;

  RepeatedBatch(BatchSource source, long first) {
    this.source = source;
    this.first = first;
  }

  @Override
  public void load(long index, HostBatch batch) throws IOException {
    HostBatch before = kept;
    if (before == null) {
      source.load(first, batch);
      kept = batch.copy();
    } else {
      batch.set(before);
    }
  }
}
