package io.github.eqvae.simt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * native/cuda/device.cu on a runtime that fails when it is told to: native/simt/device_test.cpp.
 */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
@Execution(ExecutionMode.CONCURRENT)
class CudaDeviceTest {
  private static final Path LIBRARIES = Path.of(System.getProperty("eqvae.native.dir"));

  private static List<String> run(Path folder, String name, Map<String, String> environment)
      throws Exception {
    ProcessBuilder builder = new ProcessBuilder(folder.resolve("device_test").toString(), name);
    builder.environment().keySet().removeAll(List.of("EQV_MULTIPROCESSORS", "EQV_ARCHITECTURE"));
    builder.environment().putAll(environment);
    builder.redirectErrorStream(true);
    Process p = builder.start();
    String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, p.waitFor(), out);
    return out.lines().toList();
  }

  /** Throws an AssertionError if the device of that folder is not what it should be. */
  static void check(Path folder, Map<String, String> environment) throws Exception {
    java.util.HashMap<String, String> bounded = new java.util.HashMap<>(environment);
    bounded.put("EQV_MULTIPROCESSORS", "4");
    assertEquals(List.of("4"), run(folder, "multiprocessors", bounded));
    List<String> errors = run(folder, "errors", environment);
    assertEquals(42, errors.size());
    assertTrue(
        errors.stream().allMatch(l -> l.endsWith("; the launch after it: nothing")),
        () -> String.join("\n", errors));
    assertEquals(List.of("0 1; the launch after it: nothing"), run(folder, "done", environment));
    assertEquals(
        List.of(
            "work on the stream failed: it failed (anError); a wait in a kernel did not end: for"
                + " barrier 'empty' of stage 2, parity 1, thread 129 of block 70000"),
        run(folder, "hang", environment));
  }

  @Test
  void boundsErrorsAndWaits() throws Exception {
    check(LIBRARIES, Map.of());
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "132, 132", "500, 132", "0, 132", "many, 132", "-3, 132"})
  void noMoreMultiprocessorsThanThereAreAreUsed(String asked, String used) throws Exception {
    assertEquals(
        List.of(used), run(LIBRARIES, "multiprocessors", Map.of("EQV_MULTIPROCESSORS", asked)));
  }

  @ParameterizedTest
  @CsvSource({"80, 80", "90, 90", "100, 90", "75, 90"})
  void olderKernelsAreRunIfSomebodyAsks(String asked, String run) throws Exception {
    assertEquals(List.of(run), run(LIBRARIES, "architecture", Map.of("EQV_ARCHITECTURE", asked)));
  }

  @Test
  void allAreUsedIfNobodyAsks() throws Exception {
    assertEquals(List.of("132"), run(LIBRARIES, "multiprocessors", Map.of()));
  }
}
