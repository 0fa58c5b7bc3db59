package io.github.eqvae.bench.gpu;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Ceilings;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.tensor.Profiler;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Measures cases on a GPU, PyTorch and this library in turn: in each round one after the other,
 * never at once, in an order that changes from round to round. A measurement is as many runs as
 * take some tens of milliseconds, timed from before the first until the device is done. Writes one
 * line of JSON per measurement, the first describing the machine.
 */
public final class GpuBenchmark {
  private static final double TARGET_MS = 60;
  private static final int MOST_RUNS = 2000;
  private static final String OURS = "eqvae";

  /** Results are stored in bf16, and so are what they are computed from: some 2⁻⁹ each. */
  private static final double LARGEST_ERROR = 0.01;

  /** What is multiplied has two bits more in TF32. */
  private static final double LARGEST_ERROR_IN_TF32 = LARGEST_ERROR / 4;

  private final Map<String, String> options;
  private final Path file;
  private final ObjectMapper json = new ObjectMapper();
  private int wrong;
  private int failed;
  private boolean lost;

  private GpuBenchmark(Map<String, String> options) {
    this.options = options;
    file = Path.of(options.get("--out"));
  }

  /**
   * Measures and writes.
   *
   * @param arguments {@code --cases ceiling,conv,thin,sweep,ops,model,step,dit,scales,tf32}, {@code
   *     --out FILE}, {@code --device cuda}, {@code --modes eager,compile,graph} (none: without
   *     PyTorch), {@code --python python3}, {@code --script bench/gpu/peer.py}, {@code
   *     --peer-device cuda}, {@code --rounds 5}, {@code --size full|tiny}, {@code --seconds 0}
   *     (after so many no case is begun; 0: no limit), {@code --profile no} (yes: then one more run
   *     of each case, of which the log gets a table by operation and kernel)
   * @throws Exception when writing fails or PyTorch cannot be started
   */
  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = new LinkedHashMap<>();
    options.put("--cases", "ceiling,conv,ops,model,step");
    options.put("--device", "cuda");
    options.put("--modes", "eager,compile");
    options.put("--python", "python3");
    options.put("--script", "bench/gpu/peer.py");
    options.put("--peer-device", "cuda");
    options.put("--rounds", "5");
    options.put("--size", "full");
    options.put("--seconds", "0");
    options.put("--profile", "no");
    options.put("--out", "gpu-benchmark.jsonl");
    for (int i = 0; i < arguments.length; i += 2) {
      if (!options.containsKey(arguments[i]) || i + 1 == arguments.length) {
        throw new IllegalArgumentException(arguments[i] + ": expected one of " + options.keySet());
      }
      options.put(arguments[i], arguments[i + 1]);
    }
    new GpuBenchmark(options).measureAll();
  }

  private static PrintStream log() {
    return System.out;
  }

  private void measureAll() throws IOException {
    List<String> modes =
        options.get("--modes").equals("none")
            ? List.of()
            : List.of(options.get("--modes").split(","));
    Case.Size size = Case.Size.valueOf(options.get("--size").toUpperCase(java.util.Locale.ROOT));
    List<Case> cases = new ArrayList<>();
    for (String what : options.get("--cases").split(",")) {
      cases.addAll(Case.named(what, size));
    }
    Files.deleteIfExists(file);
    try (Device device = Device.open(options.get("--device"));
        Peers peers = new Peers(modes.isEmpty() ? null : this::peer);
        NvidiaSmi sampler = onGpu() ? NvidiaSmi.sampler() : NvidiaSmi.none()) {
      write(machine(device, peers.get()));
      long begin = System.nanoTime();
      long limit = Long.parseLong(options.get("--seconds"));
      for (Case c : cases) {
        if (lost) {
          leaveOut(c, "the device failed");
        } else if (limit > 0 && System.nanoTime() - begin > limit * 1_000_000_000L) {
          leaveOut(c, "for time");
        } else {
          write(clocks(c, "before", sampler));
          measure(c, device, peers, modes);
          write(clocks(c, "after", sampler));
        }
      }
    }
    if (wrong > 0 || failed > 0) {
      throw new IllegalStateException(
          wrong + " wrong results, " + failed + " failed cases, see above");
    }
  }

  private void leaveOut(Case c, String why) throws IOException {
    log().println("left out, " + why + ": " + c.name());
    write(Map.of("left_out", c.name(), "why", why));
  }

  /** One case; the others go on when it fails. */
  private void measure(Case c, Device device, Peers peers, List<String> modes) throws IOException {
    try {
      measure(c, device, peers.get(), modes);
    } catch (IllegalStateException e) { // the two sides are not the same network
      failed(c, e);
    } catch (TorchPeer.Ended e) {
      failed(c, e);
      peers.restart();
    } catch (EqvaeException.OutOfMemory e) { // a smaller GPU is no failure
      failed(c, e);
      failed--;
    } catch (EqvaeException e) { // what was launched may have left the device unusable
      failed(c, e);
      lost = e instanceof EqvaeException.DeviceFailure;
    }
  }

  private void failed(Case c, Exception why) throws IOException {
    log().println(c.name() + ": " + why.getMessage());
    write(Map.of("case", c.name(), "failed", String.valueOf(why.getMessage())));
    failed++;
  }

  private TorchPeer peer() throws IOException {
    return new TorchPeer(
        options.get("--python"), Path.of(options.get("--script")), options.get("--peer-device"));
  }

  private Map<String, Object> machine(Device device, TorchPeer peer) {
    Map<String, Object> m = new LinkedHashMap<>();
    DeviceInfo info = device.info();
    m.put("date", LocalDate.now().toString());
    m.put(
        "command",
        withoutSlabs()
            + "gpu/run bench "
            + options.get("--cases")
            + " ("
            + options.get("--rounds")
            + " rounds)");
    m.put("backend", device.name());
    m.put("device", info.name());
    m.put("detail", info.detail());
    m.put("jdk", Runtime.version().toString());
    m.put("driver", onGpu() ? NvidiaSmi.driver() : "");
    if (peer != null) {
      m.put("peer", peer.versions());
    }
    return m;
  }

  /** One case: every mode of the peer, and us, in turn. */
  private void measure(Case c, Device device, TorchPeer peer, List<String> modes)
      throws IOException {
    boolean ceiling = c.isCeiling();
    boolean measured = false;
    for (String mode : modes.isEmpty() ? List.of("") : modes) {
      if (ceiling && measured) {
        continue;
      }
      JsonNode ready = peer == null ? null : peer.prepare(c, mode);
      if (ready != null && ready.has("error")) {
        log().println(c.name() + ", torch " + mode + ": " + ready.get("error").asText());
        if (measured || !mode.equals(modes.getLast())) {
          continue;
        }
        ready = null; // no mode works: ours alone
      }
      measured = true;
      try (Task task = Task.of(c, device)) {
        if (ready != null && ready.path("parameters").asLong() != task.parameters()) {
          throw new IllegalStateException(
              c.name()
                  + ": "
                  + ready.path("parameters")
                  + " parameters in PyTorch, here "
                  + task.parameters());
        }
        JsonNode theirs = ready == null ? null : ready.get("error_of_result");
        if (right(c, OURS, task.error())
            && right(c, "torch-" + mode, theirs == null ? 0 : theirs.asDouble())) {
          rounds(c, device, task, ready == null ? null : peer, mode, ready);
          if (options.get("--profile").equals("yes")) {
            profile(c, device, task);
          }
        }
      }
    }
  }

  /** A wrong result is not timed. */
  private boolean right(Case c, String who, double error) throws IOException {
    if (error != 0) {
      write(Map.of("case", c.name(), "peer", who, "error", String.valueOf(error)));
    }
    if (error < (c.isTf32() ? LARGEST_ERROR_IN_TF32 : LARGEST_ERROR)) { // which NaN is not
      return true;
    }
    log().println(c.name() + ": the result of " + who + " is off by " + error + " of its size");
    wrong++;
    return false;
  }

  /** What the driver says of clocks, power and temperature; empty without one. */
  private Map<String, Object> clocks(Case c, String when, NvidiaSmi sampler) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("case", c.name());
    line.put("clocks", when);
    line.put("nvidia_smi", sampler.state());
    return line;
  }

  private void rounds(Case c, Device device, Task task, TorchPeer peer, String mode, JsonNode ready)
      throws IOException {
    int ours = warm(task);
    int theirs = peer == null ? 0 : runs(peer.time(1));
    for (int round = 1; round <= Integer.parseInt(options.get("--rounds")); round++) {
      for (int turn = 0; turn < 2; turn++) {
        if ((turn + round) % 2 == 0) {
          // Held at once by all arenas: parameters, optimiser and activations.
          record(c, OURS, mode, round, time(task, ours), device.memory().liveBytes());
        } else if (peer != null) {
          JsonNode peak = ready.path("peak_bytes");
          record(
              c,
              "torch-" + mode,
              mode,
              round,
              peer.time(theirs),
              peak.isNumber() ? peak.asLong() : 0);
        }
      }
    }
  }

  private static void profile(Case c, Device device, Task task) {
    try (Profiler profiler = Profiler.start(device)) {
      task.enqueue();
      task.sync();
      log().println(c.name());
      log().println(profiler.read().text(Ceilings.of(device)));
    }
  }

  private static int runs(double ms) {
    return (int) Math.clamp(Math.ceil(TARGET_MS / Math.max(ms, 1e-3)), 1, MOST_RUNS);
  }

  private static int warm(Task task) {
    for (int i = 0; i < 3; i++) {
      task.enqueue();
    }
    return runs(time(task, 1));
  }

  private static double time(Task task, int count) {
    task.sync();
    long begin = System.nanoTime();
    for (int i = 0; i < count; i++) {
      task.enqueue();
    }
    task.sync();
    return (System.nanoTime() - begin) / 1e6 / count;
  }

  private void record(Case c, String who, String against, int round, double ms, long bytes)
      throws IOException {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("case", c.name());
    line.put("peer", who);
    line.put("against", against);
    line.put("round", round);
    line.put("score", ms);
    line.put("unit", "ms");
    if (c.gflop() > 0) {
      line.put("tflops", c.gflop() / ms);
    }
    if (c.megabytes() > 0) {
      line.put("gigabytes_per_second", c.megabytes() / ms);
    }
    if (bytes > 0) {
      line.put("bytes", bytes);
    }
    write(line);
    log().println(line);
  }

  /** What the environment changes of the kernels (native/core/gpu_bounds.h). */
  private static String withoutSlabs() {
    return "0".equals(System.getenv("EQV_CONV_SLABS")) ? "EQV_CONV_SLABS=0 " : "";
  }

  private boolean onGpu() {
    return options.get("--device").startsWith("cuda");
  }

  /** Every line of a dry run says that it is one: figures of a shim must not pass for a GPU's. */
  private void write(Map<String, Object> line) throws IOException {
    Map<String, Object> marked = new LinkedHashMap<>();
    if (!onGpu()) {
      marked.put("dry_run", true);
    }
    marked.putAll(line);
    Files.writeString(
        file,
        json.writeValueAsString(marked) + "\n",
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }
}
