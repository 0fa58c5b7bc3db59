package io.github.eqvae.eval;

import java.util.Arrays;

/**
 * A figure that was measured on several parts of the images.
 *
 * @param mean over the parts
 * @param deviation of the parts themselves (divided by their number), not of an estimate
 */
public record MeanDeviation(double mean, double deviation) {
  /** Of at least one value. */
  static MeanDeviation of(double... values) {
    double mean = Arrays.stream(values).average().orElseThrow();
    double square = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).average().orElseThrow();
    return new MeanDeviation(mean, Math.sqrt(square));
  }
}
