package io.github.eqvae.nn;

import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;

/**
 * An exponential moving average of all parameters of a store, average = decay·average + (1 −
 * decay)·values. It is updated in the pass that updates the values ({@link AdamOptimizer#update}).
 */
public final class Ema {
  private final ParameterStore store;
  private final Tensor average;
  private final Tensor spare;

  /**
   * An average that starts at the current values.
   *
   * @param store the parameters to average; owns the average's memory
   * @param stream orders the work
   */
  public Ema(ParameterStore store, Stream stream) {
    this.store = store;
    average = store.like(stream);
    spare = store.like(stream);
    store.values().copyTo(stream, average);
  }

  /**
   * Exchanges values and average. Call it once to use the averaged model, and again to restore the
   * values.
   *
   * @param stream orders the work
   */
  public void swap(Stream stream) {
    store.values().copyTo(stream, spare);
    average.copyTo(stream, store.values());
    spare.copyTo(stream, average);
    store.repack(stream);
  }

  /**
   * The average.
   *
   * @return the memory itself, laid out like the store's values
   */
  public Tensor average() {
    return average;
  }
}
