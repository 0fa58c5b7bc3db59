package io.github.eqvae.latents;

import io.github.eqvae.model.LatentScaling;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * Sums over all latents of a folder, by channel: what mean, deviation and RMS are made of.
 *
 * @param sum of the values
 * @param squares of the squared values
 * @param values how many there are in a channel
 */
record LatentSums(List<Double> sum, List<Double> squares, long values) {
  /** Of the latents' own channels; empty where no picture was whole. */
  static Optional<LatentSums> of(Collection<LatentIndex.Entry> shards) {
    // A shard of which no picture was whole has no sums.
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
   * Of channels that squares of 2×2 were gathered into; empty where any shard does not have them:
   * those of earlier versions, and of models whose scaling does not gather.
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

  /** Divided by one less than the values, as a batch norm keeps its variance. */
  List<Double> unbiasedVariances() {
    List<Double> out = new ArrayList<>();
    for (int c = 0; c < channels(); c++) {
      double mean = mean(c);
      out.add(Math.max(0, squares.get(c) - values * mean * mean) / Math.max(1, values - 1));
    }
    return out;
  }

  /** The root mean square of the scaled values. */
  double rms(LatentScaling scaling) {
    double total = 0;
    for (int c = 0; c < channels(); c++) {
      // scale() is a·z + b, so E[(a·z + b)²] needs only these two.
      double b = scaling.scale(0, c);
      double a = scaling.scale(1, c) - b;
      total += a * a * meanSquare(c) + 2 * a * b * mean(c) + b * b;
    }
    return Math.sqrt(Math.max(0, total / channels()));
  }
}
