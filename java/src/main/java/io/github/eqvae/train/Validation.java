package io.github.eqvae.train;

import java.io.IOException;
import java.util.Map;

/** Measures held-out data. If the run keeps an average, the averaged weights are in use. */
@FunctionalInterface
public interface Validation {
  /**
   * Measures.
   *
   * @return metrics by name
   * @throws IOException when the data cannot be read
   */
  Map<String, Double> measure() throws IOException;
}
