package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.model.LatentScaling;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PatchStatisticsTest {
  private static final int CHANNELS = 3;

  /** Equal to those of the gathered values, channel by channel. */
  @Test
  void areThoseOfTheSquares() {
    LatentScaling squares =
        LatentScaling.batchNorm(Collections.nCopies(12, 0.0), Collections.nCopies(12, 1.0), 2, 0);
    Random random = new Random(1);
    PatchStatistics statistics = new PatchStatistics(CHANNELS);
    double[][] values = new double[4 * CHANNELS][];
    int n = 2 * 2 * 3 * 3;
    for (int c = 0; c < values.length; c++) {
      values[c] = new double[n];
    }
    int at = 0;
    for (int batch = 0; batch < 2; batch++) {
      float[] z = new float[2 * 6 * 6 * CHANNELS];
      for (int i = 0; i < z.length; i++) {
        z[i] = (float) (random.nextGaussian() + i % 7);
      }
      statistics.add(z, 6);
      float[] gathered = squares.gather(z, 6, 6, CHANNELS);
      for (int i = 0; i < gathered.length; i++) {
        values[i % 12][at + i / 12] = gathered[i];
      }
      at += gathered.length / 12;
    }
    assertEquals(n, at);
    for (int c = 0; c < values.length; c++) {
      double mean = java.util.Arrays.stream(values[c]).average().orElseThrow();
      double squared = 0;
      for (double v : values[c]) {
        squared += (v - mean) * (v - mean);
      }
      assertEquals(mean, statistics.mean().get(c), 1e-9);
      assertEquals(squared / (n - 1), statistics.variance().get(c), 1e-9);
    }
  }

  @Test
  void thereAreNoneOfOddSides() {
    PatchStatistics statistics = new PatchStatistics(1);
    statistics.add(new float[18], 3);
    assertEquals(List.of(), statistics.mean());
    assertEquals(List.of(), statistics.variance());
  }
}
