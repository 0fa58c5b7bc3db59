package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.LossReport;
import io.github.eqvae.train.MicroBatch;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The losses of a step: the mean of each term and of their sum, and that sum for each quarter of
 * the clock. The alignment with features is part of the total, but not of the quarters, so that
 * these can be compared with runs without it.
 */
final class QuarterLosses {
  /** The log's name for the alignment with features: −cos, from −1 (the same direction) to 1. */
  static final String ALIGNMENT = "alignment";

  /** Parts of the clock. */
  static final int COUNT = 4;

  private final DenoisingLoss loss;
  private final int accumulate;
  private final double[] sums = new double[COUNT]; // of the step so far
  private final int[] counts = new int[COUNT];

  QuarterLosses(DenoisingLoss loss, int accumulate) {
    this.loss = loss;
    this.accumulate = accumulate;
  }

  /** Which quarter a time lies in, from 0. */
  static int of(DenoisingLoss loss, double time) {
    return Math.clamp((int) (COUNT * loss.place(time)), 0, COUNT - 1);
  }

  /** The log's name for a quarter, counted from 0. */
  static String name(int quarter) {
    return "loss_quarter_" + (quarter + 1);
  }

  /**
   * The report of a micro-batch: times of the samples, then the terms of each, then the alignment
   * of all with the features of each of {@code networks}, whose mean is weighted by {@code
   * alignment}.
   */
  LossReport report(List<DenoisingLoss.Term> terms, int samples, int networks, double alignment) {
    List<String> names = terms.stream().map(DenoisingLoss.Term::name).toList();
    double[] weights = terms.stream().mapToDouble(DenoisingLoss.Term::weight).toArray();
    return new LossReport() {
      @Override
      public int count() {
        return (names.size() + 1) * samples + networks;
      }

      @Override
      public Map<String, Double> read(double[] values, MicroBatch at, Stream stream) {
        Map<String, Double> losses = losses(names, weights, values, samples, at);
        if (networks > 0) {
          double value =
              Arrays.stream(values, values.length - networks, values.length).sum() / networks;
          losses.put(ALIGNMENT, value);
          losses.merge("total", alignment * value, Double::sum);
        }
        return losses;
      }
    };
  }

  private Map<String, Double> losses(
      List<String> names, double[] weights, double[] values, int samples, MicroBatch at) {
    double[] totals = new double[samples];
    Map<String, Double> losses = new LinkedHashMap<>();
    losses.put("total", 0.0);
    for (int k = 0; k < weights.length; k++) {
      double sum = 0;
      for (int n = 0; n < samples; n++) {
        double value = values[(k + 1) * samples + n];
        sum += value;
        totals[n] += weights[k] * value;
      }
      losses.put(names.get(k), sum / samples);
      losses.merge("total", weights[k] * sum / samples, Double::sum);
    }
    if (at.first()) {
      Arrays.fill(sums, 0);
      Arrays.fill(counts, 0);
    }
    for (int n = 0; n < samples; n++) {
      int quarter = of(loss, values[n]);
      sums[quarter] += totals[n];
      counts[quarter]++;
    }
    for (int q = 0; at.last() && q < COUNT; q++) {
      if (counts[q] > 0) {
        // The engine divides what it adds up by the number of micro-batches.
        losses.put(name(q), accumulate * sums[q] / counts[q]);
      }
    }
    return losses;
  }
}
