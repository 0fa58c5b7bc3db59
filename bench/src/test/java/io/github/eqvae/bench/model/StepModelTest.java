package io.github.eqvae.bench.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.bench.gpu.PlannedStep;
import io.github.eqvae.bench.model.StepModel.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** The model of a step's time: what it reads, and that its tables know every launch of the step. */
@Execution(ExecutionMode.CONCURRENT)
class StepModelTest {
  private static final Path TABLES =
      Path.of(System.getProperty("eqvae.root"), "bench", "model").normalize();

  /**
   * Starts the planner: only the environment of a process can name the file of its calls. That of
   * the autoencoder's step is copied to the argument; then a transformer's is added.
   */
  public static final class Planned {
    private Planned() {}

    /** Runs it. */
    public static void main(String[] arguments) throws IOException {
      PlannedStep.run("step");
      Files.copy(Path.of(System.getenv("EQV_PROFILE_CALLS")), Path.of(arguments[0]));
      PlannedStep.run("dit");
    }
  }

  @TempDir private Path folder;

  /**
   * With the control bits of ptxas: stall, and the barrier that a load sets or a user waits for.
   */
  private static Instruction instruction(int code, long width, int stall, int sets, int waits) {
    long upper = width << 9 | (long) stall << 41 | (long) sets << 46 | (long) waits << 52;
    return new Instruction(code, upper);
  }

  private static Instruction branch(int instructions) {
    long words = instructions * 4L;
    return new Instruction(0x947 | (words & 0xff) << 16 | words >> 8 << 34, 5L << 41 | 7L << 46);
  }

  @Test
  void aLoopIsReadFromItsMachineCode() {
    List<Instruction> code =
        List.of(
            instruction(0x986, 4, 1, 7, 0), // a store before the loop
            instruction(0x981, 6, 1, 2, 0), // 16 bytes, in barrier 2
            instruction(0x981, 6, 1, 2, 0),
            instruction(0x308, 0, 2, 7, 1 << 2), // waits for both
            instruction(0x229, 0, 4, 7, 0),
            instruction(0x986, 6, 1, 7, 0),
            branch(-6),
            branch(-1)); // the endless loop after the end
    KernelCode kernel = KernelCode.of("k", 32, code);
    assertEquals(new Loop(6, 14, 32, 16, 1, 1, 1), kernel.loop());
    assertEquals(2, kernel.once().instructions());
    assertEquals(kernel, KernelCode.parse(kernel.line()));
  }

  @Test
  void theProducerIsTheShortestLoopWithSeveralCopies() {
    List<Instruction> code =
        List.of(
            instruction(0x210, 0, 15, 7, 0), // begins a loop around the one below
            instruction(0x210, 0, 15, 7, 0),
            instruction(0x3b4, 0, 9, 7, 0),
            instruction(0x5a7, 0, 5, 0, 0), // an answer in barrier 0
            instruction(0x3b4, 0, 2, 7, 1), // waits for it
            branch(-2), // a loop over lanes
            instruction(0x5b4, 0, 2, 7, 0),
            branch(-5),
            branch(-9));
    KernelCode kernel = KernelCode.of("k", 32, code);
    assertEquals(new KernelCode.Producer(5 + 30 + 2 + 5 + 2 + 5, 2), kernel.producer());
    assertEquals(kernel, KernelCode.parse(kernel.line()));
  }

  @Test
  void theRecordedStepIsSlowWhereTheReadingFoundIt() throws Exception {
    Result result = StepModel.recorded(TABLES.resolve("f3e1d17"));
    assertEquals("group_norm_bwd: group_norm_bwd_parameters", result.slowest());
    assertTrue(result.seconds() > 0.1, () -> result.seconds() + " s");
  }

  /**
   * What is written by people of launches agrees with what the planner counts: of each call the
   * launches together have all products, and move every tensor but small ones.
   */
  private static void tableAgrees(List<StepTrace.Call> calls) throws IOException {
    List<Traffic> rows = Traffic.read(TABLES.resolve("traffic.tsv"));
    Set<String> known = new HashSet<>();
    Set<String> named = new HashSet<>();
    for (StepTrace.Call call : calls) {
      Map<String, Integer> numbers = new HashMap<>();
      List<Traffic> moved =
          call.launches().stream()
              .map(
                  l ->
                      Traffic.of(
                          rows,
                          call.operation(),
                          l,
                          numbers.merge(l.kernel(), 1, Integer::sum) - 1))
              .toList();
      String text = call.operation() + " " + call.arguments() + " " + call.launches();
      if (call.flops() > 0) {
        assertEquals(1, moved.stream().mapToDouble(Traffic::flops).sum(), 1e-9, text);
      }
      double all = call.arguments().stream().mapToDouble(StepTrace.Argument::bytes).sum();
      for (StepTrace.Argument a : call.arguments()) {
        known.add(a.name());
        assertTrue(
            a.bytes() < all / 50
                || moved.stream()
                    .anyMatch(t -> t.tensors().isEmpty() || t.tensors().containsKey(a.name())),
            () -> a + " is moved by no launch of " + text);
      }
      moved.forEach(t -> named.addAll(t.tensors().keySet()));
    }
    named.removeAll(known);
    named.remove("-");
    assertTrue(named.isEmpty(), () -> "no call has a tensor of these names: " + named);
  }

  /**
   * Every launch of today's steps is known, and none of the shapes takes less than its products.
   */
  @Test
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
  void everyLaunchOfTheStepsIsKnown() throws Exception {
    Path both = folder.resolve("both.tsv");
    Path calls = folder.resolve("calls.tsv");
    ProcessBuilder child =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xmx512m",
            "-Deqvae.native.dir=" + System.getProperty("eqvae.native.dir"),
            "-cp",
            System.getProperty("java.class.path"),
            Planned.class.getName(),
            calls.toString());
    child.environment().put("EQV_PROFILE_CALLS", both.toString());
    Process process = child.inheritIO().start();
    assertEquals(0, process.waitFor());
    List<StepTrace.Call> all = StepTrace.parse(Files.readAllLines(calls));
    double products = all.stream().mapToDouble(StepTrace.Call::flops).sum();
    assertEquals(2.57e12, products / 16, 0.03e12, "of an image");
    double seconds = StepModel.estimate(Gpu.H200, Files.readAllLines(calls), TABLES).seconds();
    assertTrue(seconds > products / 790e12 && seconds < 0.1, () -> seconds + " s");
    List<String> lines = Files.readAllLines(both);
    assertTrue(StepModel.estimate(Gpu.H200, lines, TABLES).seconds() > 1.5 * seconds);
    tableAgrees(StepTrace.parse(lines));
    assertTrue(productsFastEnoughForTheCache(all, "conv2d") > 0.8, "most convolutions have slabs");
    assertTrue(productsFastEnoughForTheCache(all, "conv2d_bwd_input") > 0.8);
  }

  /** The share of an operation's products whose tiles the cache brings meanwhile. */
  private static double productsFastEnoughForTheCache(
      List<StepTrace.Call> calls, String operation) {
    double fast = 0;
    double all = 0;
    for (StepTrace.Call c : calls) {
      if (c.operation().equals(operation)) {
        long tiles = c.launches().stream().mapToLong(StepTrace.Launch::tileBytes).sum();
        all += c.flops();
        fast += tiles / Gpu.H200.cache() < c.flops() / Gpu.H200.products() ? c.flops() : 0;
      }
    }
    return fast / all;
  }
}
