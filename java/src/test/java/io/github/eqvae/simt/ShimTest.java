package io.github.eqvae.simt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The shim that kernels are tested under must notice faults: native/simt/shim_test.cpp has some.
 */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
@Execution(ExecutionMode.CONCURRENT)
class ShimTest {
  private static final int THREADS = 64;

  private record Outcome(int code, String out, String err) {}

  private static Outcome run(String name, int seed) throws Exception {
    Path program = Path.of(System.getProperty("eqvae.native.dir"), "shim_test");
    ProcessBuilder builder = new ProcessBuilder(program.toString(), name);
    builder.environment().put("SIMT_SEED", String.valueOf(seed));
    Process p = builder.start();
    String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    String err = new String(p.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Outcome(p.waitFor(), out.strip(), err);
  }

  private static String numbers(IntStream values) {
    return values.mapToObj(Integer::toString).collect(Collectors.joining(" "));
  }

  @ParameterizedTest
  @CsvSource({"0", "1", "2"})
  void rightKernelsGiveTheRightNumbersInAnyOrder(int seed) throws Exception {
    assertEquals(
        numbers(IntStream.range(0, THREADS).map(i -> (i + 1) % THREADS)),
        run("rotate", seed).out());
    String sums = run("sum", seed).out();
    assertEquals(numbers(IntStream.range(0, THREADS).map(i -> i < 32 ? 496 : 1520)), sums);
  }

  @ParameterizedTest
  @CsvSource({"0", "1", "2"})
  void blocksOfAClusterMeetInAnyOrder(int seed) throws Exception {
    assertEquals(numbers(IntStream.generate(() -> 1).limit(THREADS)), run("meet", seed).out());
  }

  /** In any other order than the ascending one a warp goes on only when no other can. */
  @ParameterizedTest
  @CsvSource({"0, 0", "1, 32", "2, 32"})
  void aWarpIsLate(int seed, long late) throws Exception {
    List<String> ended = List.of(run("ended-before", seed).out().split(" "));
    assertEquals(late, ended.stream().filter("32"::equals).count(), ended::toString);
  }

  @ParameterizedTest
  @CsvSource({"0", "1", "2"})
  void aMissingBarrierShows(int seed) throws Exception {
    assertNotEquals(run("rotate", seed).out(), run("missing-barrier", seed).out());
  }

  @Test
  void sharedMemoryStartsAsNan() throws Exception {
    assertTrue(
        Arrays.stream(run("uninitialised", 0).out().split(" ")).allMatch(v -> v.contains("nan")));
  }

  @ParameterizedTest
  @CsvSource({
    "divergent, deadlock",
    "disagreeing, different warp operations",
    "absent-lane, a lane that does not take part",
    "meet-too-soon, by another block of the cluster",
    "leave-early, a block that has ended",
    "cluster-deadlock, at a cluster barrier 127",
    "arrive-twice, arrives again before it has waited"
  })
  void aFaultEndsTheProcessWithItsReason(String name, String reason) throws Exception {
    Outcome o = run(name, 0);
    assertNotEquals(0, o.code());
    assertTrue(o.err().contains(reason) && o.err().contains("at __syncthreads"), o.err());
  }
}
