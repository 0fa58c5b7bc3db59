package io.github.eqvae.bench.model;

import io.github.eqvae.bench.gpu.PlannedStep;
import io.github.eqvae.bench.model.StepTrace.Call;
import io.github.eqvae.bench.model.StepTrace.Launch;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;

/**
 * The time that a training step needs on an H200, as a model says: {@code bench/run model}. It is
 * fed by the launches of the step, the bytes and products of its operations, and the machine code
 * of its kernels; docs/kernels/model.md says how. No GPU is needed, and none has confirmed it.
 */
public final class StepModel {
  /** Before other arguments: another latency of the memory, in clocks. */
  private static final String TRAFFIC = "traffic.tsv";

  private StepModel() {}

  /**
   * Runs it.
   *
   * @param arguments {@code [latency=CLOCKS] [cache=TERABYTES] [dit | in FOLDER] [RECORD]}: the
   *     table of SD-VAE's step (or DiT-XL/2's), as JSON also in a file; its calls go to the file
   *     that EQV_PROFILE_CALLS names, or all of it was recorded in a folder. {@code code FOLDER
   *     FILE}: writes what the model reads of the machine code in a folder
   * @throws IOException if a file cannot be read or written
   * @throws InterruptedException if the thread is interrupted
   */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    Path folder = Path.of(System.getProperty("eqvae.root"), "bench", "model");
    List<String> words = new ArrayList<>(List.of(arguments));
    if (!words.isEmpty() && words.getFirst().equals("code")) {
      List<Traffic> used = Traffic.read(folder.resolve(TRAFFIC));
      Files.write(Path.of(words.get(2)), code(Path.of(words.get(1)), used));
      return;
    }
    Gpu gpu = Gpu.H200;
    while (!words.isEmpty() && words.getFirst().contains("=")) {
      String[] assumed = words.removeFirst().split("=", 2);
      gpu = gpu.with(assumed[0], Double.parseDouble(assumed[1]));
    }
    String step = "step";
    if (!words.isEmpty() && words.getFirst().equals("dit")) {
      step = words.removeFirst();
    }
    List<String> calls;
    if (!words.isEmpty() && words.getFirst().equals("in")) {
      words.removeFirst();
      folder = Path.of(words.removeFirst());
      calls = unpacked(folder.resolve("calls.tsv.gz"));
    } else {
      PlannedStep.run(step);
      calls = Files.readAllLines(Path.of(System.getenv("EQV_PROFILE_CALLS")));
    }
    Result result = estimate(gpu, calls, folder);
    System.out.print(result.text());
    if (!words.isEmpty()) {
      Files.write(Path.of(words.getFirst()), result.json());
    }
  }

  private static List<String> unpacked(Path file) throws IOException {
    try (InputStream in = new GZIPInputStream(Files.newInputStream(file))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
  }

  /** The estimate for calls, with the tables of a folder. */
  static Result estimate(Gpu gpu, List<String> calls, Path folder) throws IOException {
    return estimate(
        gpu,
        StepTrace.parse(calls),
        table(folder.resolve("code.tsv")),
        Traffic.read(folder.resolve(TRAFFIC)));
  }

  /** The estimate of what was recorded in a folder. */
  static Result recorded(Path folder) throws IOException {
    return estimate(Gpu.H200, unpacked(folder.resolve("calls.tsv.gz")), folder);
  }

  /** Lines for the kernels for sm_90a that the table of traffic names, in their order. */
  private static List<String> code(Path folder, List<Traffic> used)
      throws IOException, InterruptedException {
    List<KernelCode> kernels = new ArrayList<>();
    List<String> sources = new ArrayList<>();
    List<Path> files;
    try (Stream<Path> all = Files.list(folder)) {
      files = all.filter(f -> f.toString().endsWith("90a.cubin")).sorted().toList();
    }
    for (Path file : files) {
      for (KernelCode kernel : CodeFile.read(file)) {
        kernels.add(kernel);
        sources.add(file.getFileName().toString().replaceFirst("\\..*", ""));
      }
    }
    List<String> names = readable(kernels.stream().map(KernelCode::name).toList());
    TreeMap<String, String> lines = new TreeMap<>();
    for (int i = 0; i < names.size(); i++) {
      KernelCode k = kernels.get(i);
      String name = sources.get(i) + ": " + names.get(i);
      if (used.stream().noneMatch(t -> t.code().matcher(name).matches())) {
        continue;
      }
      lines.put(
          name,
          new KernelCode(
                  name, k.registers(), k.all(), k.loop(), k.products(), k.boxes(), k.producer())
              .line());
    }
    List<String> out = new ArrayList<>();
    out.add(KernelCode.HEAD);
    out.addAll(lines.values());
    return out;
  }

  /** Names as in the source, without parameters of the function. */
  private static List<String> readable(List<String> mangled)
      throws IOException, InterruptedException {
    Path list = Files.createTempFile("kernels", ".txt");
    Files.write(list, mangled);
    Process p = new ProcessBuilder("c++filt").redirectInput(list.toFile()).start();
    String text = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    p.waitFor();
    Files.delete(list);
    return text.lines()
        .map(
            name ->
                name.replaceAll(
                        "(eqv::gpu::|eqv::backend::|eqv::dtype::|_GLOBAL__N__\\w+::"
                            + "|\\(anonymous namespace\\)::)",
                        "")
                    .replaceAll("\\((int|bool)\\)", "")
                    .replaceAll("> (?=>)", ">")
                    .replaceAll(
                        "\\(eqv_stream_s[^)]*\\)(?: const)?::\\{lambda\\([^)]*\\)#(\\d+)\\}",
                        " lambda $1")
                    .replaceAll("\\{lambda\\([^)]*\\)#(\\d+)\\}", "lambda $1")
                    .replaceFirst("^void ", "")
                    .replaceAll("\\([^()]*\\)$", ""))
        .toList();
  }

  private static List<KernelCode> table(Path file) throws IOException {
    return Files.readAllLines(file).stream()
        .filter(line -> !line.startsWith("#"))
        .map(KernelCode::parse)
        .toList();
  }

  /** A row of the table: all launches of a kernel. */
  private static final class Row {
    final String name;
    long launches;
    double seconds;
    double bytes;
    final Map<Estimate.Limit, Double> limits = new EnumMap<>(Estimate.Limit.class);

    Row(String name) {
      this.name = name;
    }

    void add(Estimate e, double moved) {
      launches++;
      seconds += e.seconds();
      bytes += moved;
      limits.merge(e.limit(), e.seconds(), Double::sum);
    }

    Estimate.Limit limit() {
      return limits.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
    }
  }

  /** The rows, the longest first. */
  record Result(List<Row> rows) {
    double seconds() {
      return rows.stream().mapToDouble(r -> r.seconds).sum();
    }

    String slowest() {
      return rows.getFirst().name;
    }

    String text() {
      StringBuilder out = new StringBuilder();
      out.append(
          String.format(
              Locale.ROOT, "%-60s %8s %9s %7s  %s%n", "kernel", "launches", "ms", "share", "why"));
      for (Row r : rows) {
        out.append(
            String.format(
                Locale.ROOT,
                "%-60s %8d %9.3f %6.1f%%  %s%n",
                r.name,
                r.launches,
                1e3 * r.seconds,
                100 * r.seconds / seconds(),
                r.limit().name().toLowerCase(Locale.ROOT)));
      }
      out.append(
          String.format(
              Locale.ROOT,
              "%-60s %8d %9.3f%n",
              "all",
              rows.stream().mapToLong(r -> r.launches).sum(),
              1e3 * seconds()));
      return out.toString();
    }

    List<String> json() {
      return rows.stream()
          .map(
              r ->
                  String.format(
                      Locale.ROOT,
                      "{\"kernel\": \"%s\", \"launches\": %d, \"ms\": %.3f, \"gigabytes\": %.3f,"
                          + " \"limit\": \"%s\"}",
                      r.name,
                      r.launches,
                      1e3 * r.seconds,
                      1e-9 * r.bytes,
                      r.limit().name().toLowerCase(Locale.ROOT)))
          .toList();
    }
  }

  static Result estimate(Gpu gpu, List<Call> calls, List<KernelCode> code, List<Traffic> traffic) {
    KernelModel model = new KernelModel(gpu);
    Map<String, Row> rows = new LinkedHashMap<>();
    for (Call call : calls) {
      Map<String, Integer> numbers = new HashMap<>();
      for (Launch launch : call.launches()) {
        int number = numbers.merge(launch.kernel(), 1, Integer::sum) - 1;
        Traffic moved = Traffic.of(traffic, call.operation(), launch, number);
        KernelCode kernel =
            code.stream()
                .filter(k -> moved.code().matcher(k.name()).matches())
                .findFirst()
                .orElseThrow(
                    () ->
                        new IllegalArgumentException(
                            "no machine code "
                                + moved.code()
                                + " for "
                                + call.operation()
                                + ": "
                                + launch.kernel()));
        rows.computeIfAbsent(call.operation() + ": " + launch.kernel(), Row::new)
            .add(model.of(call, launch, moved, kernel), moved.bytes(call));
      }
    }
    return new Result(
        rows.values().stream()
            .sorted(Comparator.comparingDouble((Row r) -> r.seconds).reversed())
            .toList());
  }
}
