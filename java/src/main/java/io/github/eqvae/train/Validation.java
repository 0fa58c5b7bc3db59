package io.github.eqvae.train;

import java.io.IOException;
import java.util.Map;

/** Looks at held-out data while the averaged weights, if the run keeps any, are in place. */
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
