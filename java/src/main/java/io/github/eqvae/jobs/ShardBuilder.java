package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Sample;
import io.github.eqvae.latents.LatentIndex;
import io.github.eqvae.latents.MomentsKind;
import io.github.eqvae.latents.Shard;
import io.github.eqvae.latents.TarNames;
import io.github.eqvae.serve.Codes;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.Moments;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** Collects the images of one shard, and the sums for its statistics. */
final class ShardBuilder {
  private static final int PATCH = 2;

  private final int number;
  private final boolean gathers;
  private final List<String> names = new ArrayList<>();
  private final List<String> keys = new ArrayList<>();
  private final List<Long> labels = new ArrayList<>();
  private final Map<String, List<Shard.Values>> parts = new LinkedHashMap<>();
  private double[] sum = {};
  private double[] sumSquares = {};
  private double[] patchSum = {};
  private double[] patchSumSquares = {};
  private long values;
  private int skipped;

  /**
   * Creates an empty shard.
   *
   * @param number its number
   * @param gathers whether to also sum packed patches of 2×2, for the model's scaling
   */
  ShardBuilder(int number, boolean gathers) {
    this.number = number;
    this.gathers = gathers;
  }

  int number() {
    return number;
  }

  int images() {
    return names.size();
  }

  /** Whether there was no picture, not even a broken one. */
  boolean isEmpty() {
    return names.isEmpty() && skipped == 0;
  }

  void skip() {
    skipped++;
  }

  /** Adds images; {@code keyOf} gives the key of each in a tar archive. */
  void add(List<Sample> samples, Function<Sample, Optional<String>> keyOf, boolean withLabels) {
    for (Sample s : samples) {
      names.add(s.name());
      keyOf.apply(s).ifPresent(keys::add);
      if (!withLabels) {
        continue;
      }
      s.label().ifPresent(l -> labels.add((long) l));
    }
  }

  void add(String key, Codes codes) {
    put(
        key,
        new Shard.Values(
            new float[0],
            codes.indices(),
            new long[] {codes.count(), codes.height(), codes.width()}));
  }

  /** Adds latents as they are written, and unscaled latents for the statistics. */
  void add(String key, Latents written, Latents raw) {
    statistics(raw.values(), raw.channels(), raw.width(), raw.height());
    put(
        key,
        new Shard.Values(
            written.toNchw(),
            new int[0],
            new long[] {written.count(), written.channels(), written.height(), written.width()}));
  }

  /** Adds moments: along the channels first the means, then the standard deviations. */
  void add(String key, Moments m) {
    statistics(m.mean(), m.channels(), m.width(), m.height());
    for (int i = 0; i < m.std().length; i++) { // E[z²] of drawn samples is mean² + variance
      double variance = (double) m.std()[i] * m.std()[i];
      sumSquares[i % m.channels()] += variance;
      if (patchSum.length > 0) {
        patchSumSquares[gathered(i, m.channels(), m.width())] += variance;
      }
    }
    int c = m.channels();
    int plane = m.height() * m.width();
    float[] out = new float[2 * m.mean().length];
    for (int n = 0; n < m.count(); n++) {
      for (int p = 0; p < plane; p++) {
        for (int k = 0; k < c; k++) {
          int from = (n * plane + p) * c + k;
          out[(n * 2 * c + k) * plane + p] = m.mean()[from];
          out[(n * 2 * c + c + k) * plane + p] = m.std()[from];
        }
      }
    }
    put(
        key,
        new Shard.Values(out, new int[0], new long[] {m.count(), 2L * c, m.height(), m.width()}));
  }

  /** Adds features {@code [n, side, side, width]} of the next images. */
  void add(String key, float[] features, int side, int width) {
    long n = features.length / ((long) side * side * width);
    put(key, new Shard.Values(features, new int[0], new long[] {n, side, side, width}));
  }

  private void put(String key, Shard.Values part) {
    parts.computeIfAbsent(key, k -> new ArrayList<>()).add(part);
  }

  /** The packed channel c·4 + row·2 + column of a value of [N, h, w, C], with even h. */
  private static int gathered(int i, int channels, int width) {
    int column = i / channels % width % PATCH;
    int row = i / channels / width % PATCH;
    return i % channels * PATCH * PATCH + row * PATCH + column;
  }

  private void statistics(float[] latents, int channels, int width, int height) {
    if (sum.length == 0) {
      sum = new double[channels];
      sumSquares = new double[channels];
      if (gathers && width % PATCH == 0 && height % PATCH == 0) {
        patchSum = new double[channels * PATCH * PATCH];
        patchSumSquares = new double[channels * PATCH * PATCH];
      }
    }
    for (int i = 0; i < latents.length; i++) {
      double square = (double) latents[i] * latents[i];
      sum[i % channels] += latents[i];
      sumSquares[i % channels] += square;
      if (patchSum.length > 0) {
        int at = gathered(i, channels, width);
        patchSum[at] += latents[i];
        patchSumSquares[at] += square;
      }
    }
    values += latents.length / channels;
  }

  Shard build() {
    Map<String, Shard.Values> arrays = new LinkedHashMap<>();
    parts.forEach((key, list) -> arrays.put(key, joined(list)));
    if (!labels.isEmpty() && labels.size() != names.size()) {
      throw new EqvaeException.Internal(
          labels.size() + " labels for " + names.size() + " images in shard " + number);
    }
    Optional<long[]> l =
        !labels.isEmpty()
            ? Optional.of(labels.stream().mapToLong(Long::longValue).toArray())
            : Optional.empty();
    return new Shard(names, keys, l, arrays, Optional.of(MomentsKind.STD));
  }

  private static Shard.Values joined(List<Shard.Values> list) {
    long[] shape = list.getFirst().shape().clone();
    shape[0] = list.stream().mapToLong(v -> v.shape()[0]).sum();
    int floats = list.stream().mapToInt(v -> v.floats().length).sum();
    int ints = list.stream().mapToInt(v -> v.ints().length).sum();
    float[] f = new float[floats];
    int[] k = new int[ints];
    int at = 0;
    for (Shard.Values v : list) {
      System.arraycopy(v.floats(), 0, f, floats == 0 ? 0 : at, v.floats().length);
      System.arraycopy(v.ints(), 0, k, ints == 0 ? 0 : at, v.ints().length);
      at += Math.max(v.floats().length, v.ints().length);
    }
    return new Shard.Values(f, k, shape);
  }

  LatentIndex.Entry entry(String file, long bytes) {
    return new LatentIndex.Entry(
        file,
        bytes,
        number,
        names.size(),
        skipped,
        list(sum),
        list(sumSquares),
        values,
        list(patchSum),
        list(patchSumSquares),
        TarNames.of(keys, names));
  }

  private static List<Double> list(double[] values) {
    return Arrays.stream(values).boxed().toList();
  }
}
