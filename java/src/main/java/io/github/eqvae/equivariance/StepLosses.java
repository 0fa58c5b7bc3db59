package io.github.eqvae.equivariance;

import java.util.Map;

/**
 * What a step reports, in the released code's terms.
 *
 * @param values by name, in a fixed order: {@code total}, {@code rec}, {@code perceptual}, {@code
 *     nll}, {@code kl} or {@code quant_loss}, {@code codes_used}, {@code perplexity}, {@code
 *     g_loss}, {@code d_weight}, {@code disc}, {@code logits_real}, {@code logits_fake}, as far as
 *     computed
 */
public record StepLosses(Map<String, Double> values) {
  /** Keeps the order. */
  public StepLosses {
    values = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(values));
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

  /**
   * Whether every value is a finite number.
   *
   * @return false when a loss overflowed or became NaN
   */
  public boolean isFinite() {
    return values.values().stream().allMatch(Double::isFinite);
  }
}
