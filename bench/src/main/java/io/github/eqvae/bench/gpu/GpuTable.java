package io.github.eqvae.bench.gpu;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** A table of one recorded run on a GPU. */
public final class GpuTable {
  private static final String OURS = "eqvae";
  private static final List<String> MODES = List.of("eager", "compile", "graph");

  /** A mode of PyTorch without autocast: weights and all else in bf16. */
  private static final String PURE = "-bf16";

  private static final double MIB = 1 << 20;

  /** What one side measured for a case against one mode of PyTorch, by round. */
  private record Series(Map<Integer, Double> ms, long bytes) {}

  private final List<JsonNode> lines = new ArrayList<>();
  private final JsonNode machine;
  private double tflopsAtBest;
  private double tflopsInTf32;
  private double gigabytesAtBest;
  private double gigabytesOfCache;

  private GpuTable(List<String> text) throws IOException {
    ObjectMapper json = new ObjectMapper();
    machine = json.readTree(text.getFirst());
    for (String line : text.subList(1, text.size())) {
      JsonNode n = json.readTree(line);
      if (n.has("score")) {
        lines.add(n);
      }
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

  /**
   * Refuses a record that was not measured on a GPU.
   *
   * @param file named in the error
   * @param lines of the run's file
   * @throws IOException when a line is not JSON
   * @throws IllegalArgumentException when the machine was no GPU, or a line is of a dry run
   */
  public static void requireGpu(Path file, List<String> lines) throws IOException {
    ObjectMapper json = new ObjectMapper();
    for (String line : lines) {
      JsonNode n = json.readTree(line);
      if (n.has("dry_run") || n.has("detail") && !isOfGpu(n)) {
        throw new IllegalArgumentException(
            file + " is of a dry run, not of a GPU: take it out of the folder of recorded runs");
      }
    }
  }

  private static boolean isOfGpu(JsonNode machine) {
    return machine.path("backend").asText().startsWith("cuda");
  }

  /**
   * Prints the tables of files, one after the other.
   *
   * @param files as {@link GpuBenchmark} writes them, of a GPU or a dry run
   * @throws IOException when one cannot be read
   */
  public static void main(String[] files) throws IOException {
    System.out.print("# Measured\n");
    for (String file : files) {
      List<String> lines = Files.readAllLines(Path.of(file));
      if (!lines.isEmpty()) {
        System.out.print(of(lines));
      }
    }
  }

  private String text() {
    Map<String, List<JsonNode>> cases = new LinkedHashMap<>();
    lines.forEach(
        n -> cases.computeIfAbsent(n.get("case").asText(), k -> new ArrayList<>()).add(n));
    tflopsAtBest = best("matmul", "tflops", false);
    tflopsInTf32 = best("matmul", "tflops", true);
    gigabytesAtBest = best("copy", "gigabytes_per_second", false);
    gigabytesOfCache = best("cached_read", "gigabytes_per_second", false);
    JsonNode peer = machine.path("peer");
    StringBuilder out = new StringBuilder();
    out.append(
        String.format(
            Locale.ROOT,
            "%n%s`%s`, %s: %s, %s; driver %s; PyTorch %s, cuDNN %s. bf16, or TF32 in fp32 where a"
                + " row says so; milliseconds, medians of"
                + " the rounds. The ratio is the median of each round's time over that of"
                + " PyTorch's fastest mode in the same round, with its quartiles; with \"bf16\""
                + " its weights are in bf16, too, and nothing is left to autocast. %s%n%n| | eqvae"
                + " | torch eager | torch.compile | torch graph | ratio | quartiles | TFLOP/s |"
                + " GB/s | of the ceiling | MiB | MiB torch |%n",
            isOfGpu(machine) ? "" : "**Dry run, no GPU: these times say nothing.** ",
            machine.get("command").asText(),
            machine.get("date").asText(),
            machine.get("device").asText(),
            machine.get("detail").asText(),
            machine.path("driver").asText("unknown"),
            peer.path("torch").asText("absent"),
            peer.path("cudnn").asText("absent"),
            ceilings()));
    out.append("|---".repeat(12)).append("|\n");
    cases.forEach((name, measured) -> out.append(row(name, measured)));
    return out.toString();
  }

  private String ceilings() {
    StringBuilder out = new StringBuilder();
    if (tflopsAtBest > 0) {
      out.append("Ceilings of this run, of the faster side: a matrix product, ");
      out.append(String.format(Locale.ROOT, "%.0f TFLOP/s", tflopsAtBest));
      if (tflopsInTf32 > 0) {
        out.append(String.format(Locale.ROOT, ", in TF32 %.0f", tflopsInTf32));
      }
      out.append(String.format(Locale.ROOT, "; a large copy, %.0f GB/s", gigabytesAtBest));
      out.append(String.format(Locale.ROOT, "; reading the cache, %.0f GB/s.", gigabytesOfCache));
    }
    return out.toString();
  }

  /** What the faster side reached, in the median of its rounds. */
  private double best(String kind, String figure, boolean tf32) {
    Map<String, List<Double>> found = new TreeMap<>();
    for (JsonNode n : lines) {
      String name = n.get("case").asText();
      if (name.startsWith(kind + " ") && isTf32(name) == tf32) {
        found
            .computeIfAbsent(n.get("peer").asText(), k -> new ArrayList<>())
            .add(n.path(figure).asDouble());
      }
    }
    return found.values().stream()
        .mapToDouble(rates -> quantile(rates.stream().sorted().toList(), 0.5))
        .max()
        .orElse(0);
  }

  private static boolean isTf32(String name) {
    return name.contains(" tf32 ");
  }

  /** 0 where nothing was measured. */
  private static double median(Series series) {
    return series.ms.isEmpty() ? 0 : median(series.ms);
  }

  private String row(String name, List<JsonNode> measured) {
    Map<String, Series> theirs = new LinkedHashMap<>();
    String fastest = "";
    for (String mode : MODES.stream().flatMap(m -> Stream.of(m, m + PURE)).toList()) {
      Series s = series(measured, "torch-" + mode, mode);
      theirs.put(mode, s);
      if (!s.ms.isEmpty() && (fastest.isEmpty() || median(s.ms) < median(theirs.get(fastest).ms))) {
        fastest = mode;
      }
    }
    Series ours = series(measured, OURS, fastest);
    Series peer = theirs.getOrDefault(fastest, new Series(Map.of(), 0));
    List<Double> ratios =
        ours.ms.entrySet().stream()
            .filter(e -> peer.ms.containsKey(e.getKey()))
            .map(e -> e.getValue() / peer.ms.get(e.getKey()))
            .sorted()
            .toList();
    Series shown = ours.ms.isEmpty() ? peer : ours;
    double tflops = shown.ms.isEmpty() ? 0 : amount(measured, "tflops") / median(shown.ms);
    double gigabytes =
        shown.ms.isEmpty() ? 0 : amount(measured, "gigabytes_per_second") / median(shown.ms);
    double atBest = isTf32(name) ? tflopsInTf32 : tflopsAtBest;
    double share =
        tflops > 0 && atBest > 0
            ? tflops / atBest
            : gigabytesAtBest > 0 ? gigabytes / gigabytesAtBest : 0;
    List<String> cells = new ArrayList<>(List.of(name));
    cells.add(number(ours.ms.isEmpty() ? 0 : median(ours.ms), "%.3f"));
    for (String mode : MODES) {
      double mixed = median(theirs.get(mode));
      double pure = median(theirs.get(mode + PURE));
      boolean isPure = pure > 0 && (mixed == 0 || pure < mixed);
      cells.add(number(isPure ? pure : mixed, isPure ? "%.3f bf16" : "%.3f"));
    }
    cells.add(ratios.isEmpty() ? "" : number(quantile(ratios, 0.5), "**%.2f**"));
    cells.add(
        ratios.isEmpty()
            ? ""
            : number(quantile(ratios, 0.25), "%.2f")
                + "–"
                + number(quantile(ratios, 0.75), "%.2f"));
    cells.add(number(tflops, "%.0f"));
    cells.add(number(gigabytes, "%.0f"));
    cells.add(number(100 * share, "%.0f %%"));
    cells.add(number(ours.bytes / MIB, "%.0f"));
    cells.add(number(peer.bytes / MIB, "%.0f"));
    return "| " + String.join(" | ", cells) + " |\n";
  }

  /** What one run computes or moves: a measurement's rate times its time. */
  private static double amount(List<JsonNode> measured, String rate) {
    return measured.stream()
        .filter(n -> n.has(rate))
        .mapToDouble(n -> n.get(rate).asDouble() * n.get("score").asDouble())
        .findFirst()
        .orElse(0);
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
        bytes = Math.max(bytes, n.path("bytes").asLong());
      }
    }
    return new Series(ms, bytes);
  }

  private static double median(Map<Integer, Double> ms) {
    return quantile(ms.values().stream().sorted().toList(), 0.5);
  }

  /** Between the two values where the share q of all lies below. */
  private static double quantile(List<Double> sorted, double q) {
    double at = q * (sorted.size() - 1);
    int below = (int) at;
    double above = sorted.get(Math.min(below + 1, sorted.size() - 1));
    return sorted.get(below) + (at - below) * (above - sorted.get(below));
  }
}
