package io.github.eqvae.nn;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The losses of a step as numbers.
 *
 * @param values by name, in a fixed order
 */
public record Losses(Map<String, Double> values) {
  /** Keeps the order. */
  public Losses {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /**
   * One value.
   *
   * @param name its name
   * @return the value, NaN when this step did not compute it
   */
  public double get(String name) {
    return values.getOrDefault(name, Double.NaN);
  }
}
