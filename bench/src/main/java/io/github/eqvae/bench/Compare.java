package io.github.eqvae.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.tensor.Device;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs JMH in rounds: in each round every peer is measured once, in its own process, right after
 * the others, so that a machine that slows down does so for all. Writes one JSON line per
 * measurement.
 */
public final class Compare {
  private Compare() {}

  /** One benchmark with fixed parameters, for every peer. */
  private record Case(Class<?> benchmark, Map<String, String> parameters, boolean hasPeers) {}

  private static List<Case> cases(String what) {
    List<Case> out = new ArrayList<>();
    if (what.equals("noop") || what.equals("all")) {
      out.add(new Case(NoopCallBenchmark.class, Map.of(), false));
    }
    if (what.equals("conv") || what.equals("all")) {
      for (String shape : List.of("128-128-64", "256-256-32", "512-512-16")) {
        for (ConvDirection d : ConvDirection.values()) {
          Map<String, String> p = new LinkedHashMap<>();
          p.put("shape", shape);
          p.put("direction", d.name());
          p.put("batch", "1");
          out.add(new Case(Conv2dBenchmark.class, p, true));
        }
      }
    }
    if (what.equals("step") || what.equals("all")) {
      for (String model : List.of("demo", "sd-vae-32")) {
        for (String branch : List.of("plain", "eq-0.75")) {
          Map<String, String> p = new LinkedHashMap<>();
          p.put("model", model);
          p.put("branch", branch);
          out.add(new Case(TrainingStepBenchmark.class, p, true));
        }
      }
    }
    if (what.equals("dit") || what.equals("all")) {
      for (String[] work : new String[][] {{"S/2", "true"}, {"B/4", "true"}, {"B/2", "false"}}) {
        Map<String, String> p = new LinkedHashMap<>();
        p.put("model", work[0]);
        p.put("batch", "8");
        p.put("training", work[1]);
        out.add(new Case(DitBenchmark.class, p, true));
      }
    }
    if (what.equals("coding") || what.equals("all")) {
      for (CodingBenchmark.Direction d : CodingBenchmark.Direction.values()) {
        Map<String, String> p = new LinkedHashMap<>();
        p.put("model", "sd-vae");
        p.put("side", "256");
        p.put("direction", d.name());
        out.add(new Case(CodingBenchmark.class, p, true));
      }
    }
    if (out.isEmpty()) {
      throw new IllegalArgumentException(
          "expected noop, conv, step, dit, coding, all or tables, not " + what);
    }
    return out;
  }

  /**
   * Measures and writes.
   *
   * @param arguments {@code noop}, {@code conv}, {@code step}, {@code dit}, {@code coding}, {@code
   *     all} or {@code tables}; then the number of rounds, 3 by default; then the folder for the
   *     run's file, {@code bench/runs} by default
   * @throws Exception when JMH or writing fails
   */
  public static void main(String[] arguments) throws Exception {
    String what = arguments.length > 0 ? arguments[0] : "all";
    int rounds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 3;
    Path folder = Path.of(arguments.length > 2 ? arguments[2] : "bench/runs");
    Files.createDirectories(folder);
    if (what.equals("tables")) {
      tables(folder);
      return;
    }
    List<Case> cases = cases(what);
    Path file = folder.resolve(LocalDate.now() + "-cpu-" + what + ".jsonl");
    Files.deleteIfExists(file);
    append(file, machine(what, rounds));
    for (int round = 1; round <= rounds; round++) {
      for (Case c : cases) {
        for (Peer peer : c.hasPeers() ? Peer.values() : new Peer[] {Peer.EQVAE}) {
          append(file, measure(c, peer, round));
        }
      }
    }
    tables(folder);
    out().println("wrote " + file + " and tables.md");
  }

  private static void tables(Path folder) throws IOException {
    String tables = Tables.of(folder);
    ReadmeTable.write(folder.toAbsolutePath().getParent().resolveSibling("README.md"), tables);
    Files.writeString(folder.resolveSibling("tables.md"), tables);
  }

  private static PrintStream out() {
    return System.out;
  }

  private static Map<String, Object> machine(String what, int rounds) {
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("date", LocalDate.now().toString());
    m.put("command", "bench/run " + what + " " + rounds);
    try (Device device = Device.open("cpu", Peer.threads())) {
      m.put("device", device.info().name());
      m.put("detail", device.info().detail());
      m.put("threads", device.info().threads());
    }
    m.put("jdk", Runtime.version().toString());
    m.put("libtorch", libtorchVersion());
    return m;
  }

  /** As Maven wrote it into the binding's jar. */
  private static String libtorchVersion() {
    Properties properties = new Properties();
    try (InputStream in =
        torch.class.getResourceAsStream("/META-INF/maven/org.bytedeco/pytorch/pom.properties")) {
      properties.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return properties.getProperty("version");
  }

  private static Map<String, Object> measure(Case c, Peer peer, int round) throws RunnerException {
    boolean slow =
        List.of(TrainingStepBenchmark.class, DitBenchmark.class, CodingBenchmark.class)
            .contains(c.benchmark());
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include("\\Q" + c.benchmark().getName() + "\\E")
            .forks(1)
            .warmupIterations(2)
            .warmupTime(TimeValue.milliseconds(slow ? 2500 : 700))
            .measurementIterations(3)
            .measurementTime(TimeValue.milliseconds(slow ? 2000 : 700))
            .verbosity(VerboseMode.SILENT);
    c.parameters().forEach((k, v) -> options.param(k, v));
    if (c.hasPeers()) {
      options.param("peer", peer.name());
    }
    RunResult result = new Runner(options.build()).runSingle();
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("benchmark", c.benchmark().getSimpleName());
    line.putAll(c.parameters());
    line.put("peer", peer.name());
    line.put("round", round);
    line.put("score", result.getPrimaryResult().getScore());
    line.put("unit", result.getPrimaryResult().getScoreUnit());
    out().println(line);
    return line;
  }

  private static void append(Path file, Map<String, Object> line) throws IOException {
    Files.writeString(
        file,
        new ObjectMapper().writeValueAsString(line) + "\n",
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }
}
