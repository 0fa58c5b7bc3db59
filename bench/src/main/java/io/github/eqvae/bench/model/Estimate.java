package io.github.eqvae.bench.model;

import java.util.EnumMap;
import java.util.Map;

/**
 * The time of one launch: the longest of its limits, and what lies between launches.
 *
 * @param limits seconds by limit
 * @param seconds the time
 */
record Estimate(Map<Limit, Double> limits, double seconds) {
  /** What a kernel's time follows from. */
  enum Limit {
    /** Bytes at the speed of the memory. */
    MEMORY,
    /** Bytes of tiles at the speed of the cache that multiprocessors share. */
    CACHE,
    /** Products, with the work at the end of each tile. */
    PRODUCTS,
    /** The one thread of a block that starts the copies of tiles. */
    PRODUCER,
    /** Instructions, one a clock for each scheduler. */
    INSTRUCTIONS,
    /** ex2 and rcp. */
    APPROXIMATIONS,
    /** Arithmetic in double. */
    DOUBLES,
    /** A thread's own work, one thing after the other, with its waits for memory. */
    LATENCY,
    /** None of them is as long as the pause between two launches. */
    LAUNCH
  }

  static Estimate of(Gpu gpu, Map<Limit, Double> limits) {
    double longest = limits.values().stream().mapToDouble(v -> v).max().orElse(0);
    return new Estimate(new EnumMap<>(limits), longest + gpu.launch());
  }

  /** What it is limited by. */
  Limit limit() {
    return limits.entrySet().stream()
        .max(Map.Entry.comparingByValue())
        .filter(e -> e.getValue() > seconds / 2)
        .map(Map.Entry::getKey)
        .orElse(Limit.LAUNCH);
  }
}
