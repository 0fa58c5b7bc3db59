package io.github.eqvae.train;

import java.io.IOException;

/** A source of batches. The content of a batch must be a function of its index only. */
@FunctionalInterface
public interface BatchSource {
  /**
   * Fills a batch.
   *
   * @param index which micro-batch, from 0
   * @param batch receives it
   * @throws IOException when the data cannot be read
   */
  void load(long index, HostBatch batch) throws IOException;
}
