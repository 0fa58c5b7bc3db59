package io.github.eqvae.bench.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.bench.gpu.PlannedStep;
import io.github.eqvae.bench.model.StepModel.Result;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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

  /** Starts the planner: only the environment of a process can name the file of its calls. */
  public static final class Planned {
    private Planned() {}

    /** Runs it. */
    public static void main(String[] arguments) {
      PlannedStep.run("step");
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
            branch(-1)); // the endless loop behind the end
    KernelCode kernel = KernelCode.of("k", 32, code);
    assertEquals(new Loop(6, 14, 32, 16, 1, 1, 1), kernel.loop());
    assertEquals(2, kernel.once().instructions());
    assertEquals(kernel, KernelCode.parse(kernel.line()));
  }

  @Test
  void theRecordedStepIsSlowWhereTheReadingFoundIt() throws Exception {
    Result result = StepModel.recorded(TABLES.resolve("f3e1d17"));
    assertEquals("group_norm_bwd: group_norm_bwd_parameters", result.slowest());
    assertTrue(result.seconds() > 0.1, () -> result.seconds() + " s");
  }

  /** Every launch of today's step is known, and none of the shapes takes less than its products. */
  @Test
  @EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
  void everyLaunchOfTheStepIsKnown() throws Exception {
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
            Planned.class.getName());
    child.environment().put("EQV_PROFILE_CALLS", calls.toString());
    Process process = child.inheritIO().start();
    assertEquals(0, process.waitFor());
    List<StepTrace.Call> all = StepTrace.parse(Files.readAllLines(calls));
    double products = all.stream().mapToDouble(StepTrace.Call::flops).sum();
    assertEquals(2.57e12, products / 16, 0.03e12, "of an image");
    double seconds = StepModel.estimate(Gpu.H200, Files.readAllLines(calls), TABLES).seconds();
    assertTrue(seconds > products / 790e12 && seconds < 0.1, () -> seconds + " s");
  }
}
