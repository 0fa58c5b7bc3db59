package io.github.eqvae.eval;

import java.util.Arrays;

/**
 * A metric that was measured on several parts of the images.
 *
 * @param mean mean over the parts
 * @param deviation population standard deviation of the parts (divided by their number)
 */
public record MeanDeviation(double mean, double deviation) {
  /** Mean and standard deviation of at least one value. */
  static MeanDeviation of(double... values) {
    double mean = Arrays.stream(values).average().orElseThrow();
    double square = Arrays.stream(values).map(v -> (v - mean) * (v - mean)).average().orElseThrow();
    return new MeanDeviation(mean, Math.sqrt(square));
  }
}
