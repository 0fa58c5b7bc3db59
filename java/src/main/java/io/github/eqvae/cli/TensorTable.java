package io.github.eqvae.cli;

import io.github.eqvae.model.checkpoint.NetworkCheckpoint;
import io.github.eqvae.model.checkpoint.StoredTensor;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The tensors of a checkpoint as a table, grouped by module.
 *
 * @param out where to
 * @param keys whether each is listed
 */
record TensorTable(PrintWriter out, boolean keys) {
  static final String ROW = "%-13s %s%n";

  /** The number of a name's parts that are searched for a number. */
  private static final int GROUP_DEPTH = 3;

  /** Numbers, tensors and types in one line. */
  void parameters(Collection<StoredTensor> tensors) {
    out.printf(
        ROW,
        "parameters",
        String.format(
            Locale.ROOT,
            "%,d in %d tensors, %s",
            tensors.stream().mapToLong(StoredTensor::elements).sum(),
            tensors.size(),
            dtypes(tensors)));
  }

  /** What is said of every kind of generator after its settings. Whether the file has no error. */
  boolean verdict(NetworkCheckpoint checkpoint) {
    parameters(checkpoint.tensors().values());
    groups("", checkpoint.tensors().values());
    checkpoint
        .others()
        .forEach(
            (what, count) -> out.printf(ROW, "also there", what + " (tensors: " + count + ")"));
    boolean whole = checkpoint.report().isClean();
    out.printf(ROW, "whole", whole ? "yes: nothing is missing, nothing unexpected" : "no:");
    checkpoint.report().lines().forEach(line -> out.println("  " + line));
    List<String> notFinite = checkpoint.notFinite();
    boolean finite = notFinite.isEmpty();
    out.printf(
        ROW, "finite", finite ? "yes: no number is NaN or infinite" : "no: NaN or infinite are");
    notFinite.forEach(line -> out.println("  " + line));
    out.printf(ROW, "can be run", whole && finite ? "yes" : "no: see above");
    return whole && finite;
  }

  /** The element types; if there are several, with how many tensors of each. */
  private static String dtypes(Collection<StoredTensor> tensors) {
    Map<String, Integer> counts = new TreeMap<>();
    tensors.forEach(t -> counts.merge(t.dtype(), 1, Integer::sum));
    return counts.size() == 1
        ? counts.keySet().iterator().next()
        : counts.entrySet().stream()
            .map(e -> e.getKey() + " (" + e.getValue() + ")")
            .collect(Collectors.joining(", "));
  }

  /** Groups repeated modules; names are shown without the prefix. */
  void groups(String prefix, Collection<StoredTensor> tensors) {
    Map<String, List<StoredTensor>> groups =
        tensors.stream()
            .collect(
                Collectors.groupingBy(
                    t -> group(t.name().substring(prefix.length())),
                    LinkedHashMap::new,
                    Collectors.toList()));
    out.printf(ROW, "tensors", tensors.size());
    groups.forEach(
        (name, members) -> {
          out.printf(
              Locale.ROOT,
              "  %-40s %4d tensors %,13d numbers %s%n",
              name,
              members.size(),
              members.stream().mapToLong(StoredTensor::elements).sum(),
              dtypes(members));
          if (keys) {
            members.forEach(
                t -> out.printf("    %s %s%s%n", t.name(), t.dtype(), Arrays.toString(t.shape())));
          }
        });
  }

  /** The group of a module: two words of its name, or more up to a number. */
  private static String group(String name) {
    List<String> words = List.of(name.split("\\."));
    int module = Math.max(1, words.size() - 1);
    for (int i = 1; i < Math.min(GROUP_DEPTH, module); i++) {
      if (words.get(i).matches("\\d+")) {
        return String.join(".", words.subList(0, i + 1));
      }
    }
    return String.join(".", words.subList(0, Math.min(2, module)));
  }
}
