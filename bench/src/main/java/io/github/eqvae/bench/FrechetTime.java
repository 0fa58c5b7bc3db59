package io.github.eqvae.bench;

import io.github.eqvae.eval.FeatureStatistics;
import io.github.eqvae.eval.FrechetDistance;
import io.github.eqvae.io.NpyArray;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Times a Fréchet distance on stored features, float32 {@code [n, d]} in two {@code .npy} files:
 * {@code bench/frechet} runs it in turn with SciPy's matrix square root.
 */
public final class FrechetTime {
  private FrechetTime() {}

  /** Prints one line of JSON. */
  public static void main(String[] arguments) throws IOException {
    NpyArray[] features = {read(arguments[0]), read(arguments[1])};
    int d = (int) features[0].shape()[1];
    long start = System.nanoTime();
    double cpu = cpuSeconds();
    FeatureStatistics[] statistics = new FeatureStatistics[2];
    for (int i = 0; i < 2; i++) {
      statistics[i] = new FeatureStatistics(d);
      statistics[i].add(features[i].toFloats());
      statistics[i].covariance();
    }
    double gathered = (System.nanoTime() - start) * 1e-9;
    double gatheredCpu = cpuSeconds() - cpu;
    start = System.nanoTime();
    cpu = cpuSeconds();
    FrechetDistance.Result result =
        FrechetDistance.of(
            statistics[0].mean(),
            statistics[0].covariance(),
            statistics[1].mean(),
            statistics[1].covariance());
    System.out.printf(
        Locale.ROOT,
        "{\"program\": \"eqvae\", \"statistics_seconds\": %.2f, \"statistics_cpu_seconds\": %.2f,"
            + " \"distance_seconds\": %.2f, \"distance_cpu_seconds\": %.2f, \"distance\": %.9g,"
            + " \"residual\": %.2g}%n",
        gathered,
        gatheredCpu,
        (System.nanoTime() - start) * 1e-9,
        cpuSeconds() - cpu,
        result.distance(),
        result.residual());
  }

  private static NpyArray read(String file) throws IOException {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(Path.of(file)))) {
      return NpyArray.read(in, file, Integer.MAX_VALUE);
    }
  }

  /** Of all threads of this process, compiler and collector included. */
  private static double cpuSeconds() {
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean os
        ? os.getProcessCpuTime() * 1e-9
        : Double.NaN;
  }
}
