package io.github.eqvae.latents;

import io.github.eqvae.model.LatentScaling;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Sums over all latents of a folder, per channel, for mean, standard deviation and RMS.
 *
 * @param sum sum of the values
 * @param squares sum of the squared values
 * @param values number of values in a channel
 */
record LatentSums(List<Double> sum, List<Double> squares, long values) {
  /** Sums per channel of the latents; empty if all pictures were broken. */
  static Optional<LatentSums> of(Collection<LatentIndex.Entry> shards) {
    // a shard whose pictures were all broken has no sums
    List<LatentIndex.Entry> filled = shards.stream().filter(e -> !e.sum().isEmpty()).toList();
    return filled.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new LatentSums(
                added(filled.stream().map(LatentIndex.Entry::sum).toList()),
                added(filled.stream().map(LatentIndex.Entry::sumSquares).toList()),
                filled.stream().mapToLong(LatentIndex.Entry::values).sum()));
  }

  /**
   * Sums per channel after patches of 2×2 were packed into channels. Empty if a shard has none: it
   * is of an earlier version, or the model's scaling does not pack patches.
   */
  static Optional<LatentSums> ofSquares(Collection<LatentIndex.Entry> shards) {
    List<LatentIndex.Entry> filled = shards.stream().filter(e -> !e.sum().isEmpty()).toList();
    if (filled.isEmpty() || filled.stream().anyMatch(e -> e.patchSum().isEmpty())) {
      return Optional.empty();
    }
    List<Double> sum = added(filled.stream().map(LatentIndex.Entry::patchSum).toList());
    List<Double> squares = added(filled.stream().map(LatentIndex.Entry::patchSumSquares).toList());
    long values = filled.stream().mapToLong(LatentIndex.Entry::values).sum();
    int channels = filled.getFirst().sum().size();
    return Optional.of(new LatentSums(sum, squares, values * channels / sum.size()));
  }

  private static List<Double> added(List<List<Double>> parts) {
    double[] total = new double[parts.getFirst().size()];
    for (List<Double> part : parts) {
      for (int c = 0; c < total.length; c++) {
        total[c] += part.get(c);
      }
    }
    return java.util.Arrays.stream(total).boxed().toList();
  }

  int channels() {
    return sum.size();
  }

  double mean(int channel) {
    return sum.get(channel) / values;
  }

  double meanSquare(int channel) {
    return squares.get(channel) / values;
  }

  /** Variances divided by n − 1, like the running variance of a batch norm. */
  List<Double> unbiasedVariances() {
    List<Double> out = new ArrayList<>();
    for (int c = 0; c < channels(); c++) {
      double mean = mean(c);
      out.add(Math.max(0, squares.get(c) - values * mean * mean) / Math.max(1, values - 1));
    }
    return out;
  }

  /** Channels of two values or more that do not deviate. */
  List<Integer> constant() {
    return IntStream.range(0, values < 2 ? 0 : channels())
        .filter(c -> LatentScaling.isConstant(mean(c), std(c)))
        .boxed()
        .toList();
  }

  double std(int channel) {
    return Math.sqrt(Math.max(0, meanSquare(channel) - mean(channel) * mean(channel)));
  }

  /** The root mean square of the scaled values. */
  double rms(LatentScaling scaling) {
    double total = 0;
    for (int c = 0; c < channels(); c++) {
      // scale() is a·z + b, and E[(a·z + b)²] = a²·E[z²] + 2ab·E[z] + b²
      double b = scaling.scale(0, c);
      double a = scaling.scale(1, c) - b;
      total += a * a * meanSquare(c) + 2 * a * b * mean(c) + b * b;
    }
    return Math.sqrt(Math.max(0, total / channels()));
  }
}
