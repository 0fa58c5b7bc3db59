package io.github.eqvae.ranks;

import io.github.eqvae.EqvaeException;
import java.util.List;
import java.util.Map;

/** What must be the same in all ranks before they begin. */
public final class Agreement {
  private Agreement() {}

  /**
   * Compares what the ranks have with what the first one has. All call it.
   *
   * @param ranks who takes part
   * @param mine values by name; both are shown if they differ
   * @throws EqvaeException.Argument in all ranks if they differ; the message says in what
   */
  public static void require(Communicator ranks, Map<String, String> mine) {
    if (ranks.isAlone()) {
      return;
    }
    StringBuilder text = new StringBuilder();
    mine.forEach((k, v) -> text.append(k).append('\t').append(v.replace('\n', ' ')).append('\n'));
    List<String> all = ranks.allGather(text.toString());
    List<String> first = all.getFirst().lines().toList();
    for (int r = 1; r < all.size(); r++) {
      List<String> its = all.get(r).lines().toList();
      for (int i = 0; i < Math.max(first.size(), its.size()); i++) {
        String[] here = line(first, i);
        String[] there = line(its, i);
        if (!here[0].equals(there[0]) || !here[1].equals(there[1])) {
          throw new EqvaeException.Argument(
              "rank "
                  + r
                  + " cannot work with rank 0, because they differ in the "
                  + here[0]
                  + ": '"
                  + there[1]
                  + "' in rank "
                  + r
                  + ", '"
                  + here[1]
                  + "' in rank 0");
        }
      }
    }
  }

  private static String[] line(List<String> lines, int i) {
    String[] pair = i < lines.size() ? lines.get(i).split("\t", 2) : new String[] {"settings", ""};
    return pair.length == 2 ? pair : new String[] {pair[0], ""};
  }
}
