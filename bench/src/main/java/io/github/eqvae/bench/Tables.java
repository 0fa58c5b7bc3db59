package io.github.eqvae.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.bench.gpu.GpuTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Makes {@code bench/tables.md} from the recorded runs: the newest run of each kind. */
final class Tables {
  private Tables() {}

  /**
   * The table of every kind of run in the folder.
   *
   * @throws IllegalArgumentException when a file is called a GPU's and is not, such as one of a dry
   *     run
   */
  static String of(Path folder) throws IOException {
    Map<String, Path> newest = new TreeMap<>(); // by what was measured
    try (Stream<Path> files = Files.list(folder)) {
      for (Path f : files.filter(p -> p.toString().endsWith(".jsonl")).sorted().toList()) {
        newest.put(f.getFileName().toString().substring(11), f); // after yyyy-mm-dd-
      }
    }
    StringBuilder out = new StringBuilder("# Measured\n\nMade by `bench/run` from bench/runs.\n");
    for (Path file : newest.values()) {
      List<String> lines = Files.readAllLines(file);
      boolean gpu = file.getFileName().toString().contains("-cuda-");
      if (gpu) {
        GpuTable.requireGpu(file, lines);
      }
      out.append(gpu ? GpuTable.of(lines) : table(lines));
    }
    return out.toString();
  }

  private static String table(List<String> lines) throws IOException {
    ObjectMapper json = new ObjectMapper();
    JsonNode machine = json.readTree(lines.getFirst());
    // case → round → peer → score
    Map<String, Map<Integer, Map<Peer, Double>>> scores = new LinkedHashMap<>();
    Map<String, String> units = new LinkedHashMap<>();
    for (String line : lines.subList(1, lines.size())) {
      JsonNode n = json.readTree(line);
      String name =
          n.properties().stream()
              .filter(e -> !List.of("peer", "round", "score", "unit", "batch").contains(e.getKey()))
              .map(e -> e.getValue().asText())
              .collect(Collectors.joining(" "));
      scores
          .computeIfAbsent(name, k -> new TreeMap<>())
          .computeIfAbsent(n.get("round").asInt(), k -> new TreeMap<>())
          .put(Peer.valueOf(n.get("peer").asText()), n.get("score").asDouble());
      units.put(name, n.get("unit").asText());
    }
    StringBuilder out = new StringBuilder();
    out.append(
        String.format(
            "%n`%s`, %s: %s, %s; JDK %s, libtorch %s. Medians of the rounds; the ratio is the"
                + " median of each round's time over that of libtorch's faster memory format in"
                + " the same round.%n%n| | eqvae | libtorch NCHW | libtorch NHWC | ratio | rounds"
                + " |%n|---|---|---|---|---|---|%n",
            machine.get("command").asText(),
            machine.get("date").asText(),
            machine.get("device").asText(),
            machine.get("detail").asText(),
            machine.get("jdk").asText(),
            machine.get("libtorch").asText()));
    scores.forEach((name, rounds) -> out.append(row(name, units.get(name), rounds)));
    return out.toString();
  }

  private static String row(String name, String unit, Map<Integer, Map<Peer, Double>> rounds) {
    List<Double> ratios = new ArrayList<>();
    for (Map<Peer, Double> round : rounds.values()) {
      if (round.size() == Peer.values().length) {
        double best = Math.min(round.get(Peer.TORCH_NCHW), round.get(Peer.TORCH_NHWC));
        ratios.add(round.get(Peer.EQVAE) / best);
      }
    }
    StringBuilder cells = new StringBuilder();
    for (Peer peer : Peer.values()) {
      List<Double> times =
          rounds.values().stream().map(r -> r.get(peer)).filter(t -> t != null).toList();
      cells.append(times.isEmpty() ? " |" : String.format(Locale.ROOT, " %.2f |", median(times)));
    }
    String spread =
        ratios.isEmpty()
            ? ""
            : String.format(
                Locale.ROOT,
                "%.2f–%.2f",
                ratios.stream().min(Double::compare).orElseThrow(),
                ratios.stream().max(Double::compare).orElseThrow());
    return String.format(
        Locale.ROOT,
        "| %s, %s |%s %s | %s |%n",
        name,
        unit,
        cells,
        ratios.isEmpty() ? "" : String.format(Locale.ROOT, "**%.2f**", median(ratios)),
        spread);
  }

  private static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    int n = sorted.size();
    return (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
  }
}
