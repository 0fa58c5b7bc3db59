package io.github.eqvae.nn;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;

/** An exponential moving average of all parameters of a store. */
public final class Ema {
  private final ParameterStore store;
  private final Tensor average;
  private final Tensor spare;

  /**
   * An average that starts at the current values.
   *
   * @param store what is averaged; owns the average's memory
   * @param stream orders the work
   */
  public Ema(ParameterStore store, Stream stream) {
    this.store = store;
    average = store.like(stream);
    spare = store.like(stream);
    store.values().copyTo(stream, average);
  }

  /**
   * average = decay·average + (1 − decay)·values.
   *
   * @param stream orders the work
   * @param decay in [0, 1]; 0.9999 is the usual value
   */
  public void update(Stream stream, double decay) {
    stream.launch(Fn.EMA, Struct.EMA_PARAMS).i32(0).f64(decay).run(store.values(), average);
  }

  /**
   * Exchanges values and average: once to look at the averaged model, once to go back.
   *
   * @param stream orders the work
   */
  public void swap(Stream stream) {
    store.values().copyTo(stream, spare);
    average.copyTo(stream, store.values());
    spare.copyTo(stream, average);
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
