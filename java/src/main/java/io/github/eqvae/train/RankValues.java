package io.github.eqvae.train;

import io.github.eqvae.ranks.Communicator;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the ranks report of a step, together. */
final class RankValues {
  private RankValues() {}

  /**
   * Replaces each number by its mean over the ranks that report it. Numbers that are the same
   * everywhere, such as norms, stay as they are.
   */
  static void average(Communicator ranks, Map<String, Double> values) {
    if (ranks.isAlone()) {
      return;
    }
    StringBuilder mine = new StringBuilder();
    values.forEach(
        (k, v) -> mine.append(k).append('\t').append(Double.toHexString(v)).append('\n'));
    Map<String, List<Double>> all = new LinkedHashMap<>();
    for (String of : ranks.allGather(mine.toString())) {
      of.lines()
          .map(line -> line.split("\t", 2))
          .forEach(
              pair ->
                  all.computeIfAbsent(pair[0], k -> new ArrayList<>())
                      .add(Double.valueOf(pair[1])));
    }
    values.clear();
    all.forEach(
        (k, of) ->
            values.put(
                k,
                of.stream().distinct().count() == 1
                    ? of.getFirst()
                    : of.stream().mapToDouble(v -> v / of.size()).sum()));
  }
}
