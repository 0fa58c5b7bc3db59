package io.github.eqvae.bench.gpu;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** A table of one recorded run on a GPU. */
public final class GpuTable {
  private static final String OURS = "eqvae";
  private static final double MIB = 1 << 20;

  /** What one side measured for a case against one mode of PyTorch, by round. */
  private record Series(Map<Integer, Double> ms, long bytes) {}

  private final List<JsonNode> lines = new ArrayList<>();
  private final JsonNode machine;
  private double ceiling;

  private GpuTable(List<String> text) throws IOException {
    ObjectMapper json = new ObjectMapper();
    machine = json.readTree(text.getFirst());
    for (String line : text.subList(1, text.size())) {
      lines.add(json.readTree(line));
    }
  }

  /**
   * The table.
   *
   * @param lines of the run's file
   * @return Markdown
   * @throws IOException when a line is not JSON
   */
  public static String of(List<String> lines) throws IOException {
    return new GpuTable(lines).text();
  }

  private String text() {
    Map<String, List<JsonNode>> cases = new LinkedHashMap<>();
    lines.forEach(
        n -> cases.computeIfAbsent(n.get("case").asText(), k -> new ArrayList<>()).add(n));
    cases.forEach(
        (name, measured) -> {
          if (name.startsWith("matmul")) {
            ceiling =
                median(measured.stream().map(n -> n.get("tflops").asDouble()).sorted().toList());
          }
        });
    JsonNode peer = machine.path("peer");
    StringBuilder out = new StringBuilder();
    out.append(
        String.format(
            Locale.ROOT,
            "%n`%s`, %s: %s, %s; PyTorch %s, cuDNN %s. bf16; milliseconds, medians of the rounds."
                + " The ratio is the median of each round's time over that of PyTorch's faster mode"
                + " in the same round. %s%n%n| | eqvae | torch eager | torch.compile | ratio |"
                + " TFLOP/s | of the ceiling | MiB | MiB torch"
                + " |%n|---|---|---|---|---|---|---|---|---|%n",
            machine.get("command").asText(),
            machine.get("date").asText(),
            machine.get("device").asText(),
            machine.get("detail").asText(),
            peer.path("torch").asText("absent"),
            peer.path("cudnn").asText("absent"),
            ceiling > 0
                ? String.format(
                    Locale.ROOT,
                    "The ceiling is PyTorch's matrix product, %.0f TFLOP/s in this run.",
                    ceiling)
                : ""));
    cases.forEach((name, measured) -> out.append(row(name, measured)));
    return out.toString();
  }

  private String row(String name, List<JsonNode> measured) {
    Series eager = series(measured, "torch-eager", "eager");
    Series compiled = series(measured, "torch-compile", "compile");
    String faster =
        compiled.ms.isEmpty() || !eager.ms.isEmpty() && median(eager.ms) <= median(compiled.ms)
            ? "eager"
            : "compile";
    Series theirs = faster.equals("eager") ? eager : compiled;
    Series ours = series(measured, OURS, faster);
    if (ours.ms.isEmpty()) {
      ours = series(measured, OURS, "");
    }
    List<Double> ratios = new ArrayList<>();
    ours.ms.forEach(
        (round, ms) -> {
          if (theirs.ms.containsKey(round)) {
            ratios.add(ms / theirs.ms.get(round));
          }
        });
    double gflop = // of one run: what a measurement's TFLOP/s and time give
        measured.stream()
            .filter(n -> n.has("tflops"))
            .mapToDouble(n -> n.get("tflops").asDouble() * n.get("score").asDouble())
            .findFirst()
            .orElse(0);
    double tflops = gflop == 0 || ours.ms.isEmpty() ? 0 : gflop / median(ours.ms);
    return String.format(
        Locale.ROOT,
        "| %s | %s | %s | %s | %s | %s | %s | %s | %s |%n",
        name,
        number(ours.ms.isEmpty() ? 0 : median(ours.ms), "%.3f"),
        number(eager.ms.isEmpty() ? 0 : median(eager.ms), "%.3f"),
        number(compiled.ms.isEmpty() ? 0 : median(compiled.ms), "%.3f"),
        ratios.isEmpty()
            ? ""
            : String.format(Locale.ROOT, "**%.2f**", median(ratios.stream().sorted().toList())),
        number(tflops, "%.0f"),
        ceiling > 0 ? number(100 * tflops / ceiling, "%.0f %%") : "",
        number(ours.bytes / MIB, "%.0f"),
        number(theirs.bytes / MIB, "%.0f"));
  }

  private static String number(double value, String format) {
    return value == 0 ? "" : String.format(Locale.ROOT, format, value);
  }

  private static Series series(List<JsonNode> measured, String who, String against) {
    Map<Integer, Double> ms = new TreeMap<>();
    long bytes = 0;
    for (JsonNode n : measured) {
      if (n.get("peer").asText().equals(who) && n.get("against").asText().equals(against)) {
        ms.put(n.get("round").asInt(), n.get("score").asDouble());
        bytes = n.path("bytes").asLong();
      }
    }
    return new Series(ms, bytes);
  }

  private static double median(Map<Integer, Double> ms) {
    return median(ms.values().stream().sorted().toList());
  }

  private static double median(List<Double> sorted) {
    int n = sorted.size();
    return (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
  }
}
