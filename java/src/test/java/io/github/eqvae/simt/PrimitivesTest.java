package io.github.eqvae.simt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
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
 * Each instruction that has a twin under the shim, alone, on small integers:
 * native/primitives/primitives.cu compares it with plain loops. The same program on a GPU prints
 * the same lines, which kernels/primitives.tsv keeps once one has.
 */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
@Execution(ExecutionMode.CONCURRENT)
class PrimitivesTest {
  private static final int OF_SM_80 = 7;

  private static List<String> run(String device, Map<String, String> environment) throws Exception {
    return run(Path.of(System.getProperty("eqvae.native.dir")), device, environment);
  }

  /** Throws an AssertionError if the program in that folder finds a difference. */
  static List<String> run(Path folder, String device, Map<String, String> environment)
      throws Exception {
    Path program = folder.resolve("primitives_simt");
    ProcessBuilder builder = new ProcessBuilder(program.toString(), device);
    builder.environment().putAll(environment);
    builder.redirectErrorStream(true);
    Process p = builder.start();
    String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, p.waitFor(), out);
    return out.lines().toList();
  }

  @ParameterizedTest
  @CsvSource({"0, 0, late", "0, 4, early", "1, 0, late", "1, 0, early", "1, 7, late"})
  void everyInstructionComputesWhatItsNameSays(String device, String seed, String copies)
      throws Exception {
    Map<String, String> environment =
        "early".equals(copies)
            ? Map.of("SIMT_SEED", seed, "SIMT_EARLY", "1")
            : Map.of("SIMT_SEED", seed);
    List<String> lines = run(device, environment);
    assertTrue(lines.stream().allMatch(l -> l.endsWith("\tok")), () -> String.join("\n", lines));
    assertTrue("0".equals(device) ? lines.size() == OF_SM_80 : lines.size() > 25, lines::toString);
    assertEquals(run(device, Map.of()), lines, "the bits depend on the order");
  }

  /** {@code -Deqvae.primitives=FILE} replays another file, such as that of a dry run. */
  @Test
  void gpuGivesTheSameBits() throws Exception {
    Path kept = Path.of(System.getProperty("eqvae.root"), "kernels", "primitives.tsv");
    String named = System.getProperty("eqvae.primitives", "");
    assumeTrue(!named.isEmpty() || Files.exists(kept), "no GPU has recorded its bits yet");
    List<String> recorded = Files.readAllLines(named.isEmpty() ? kept : Path.of(named));
    assertTrue(!named.isEmpty() || recorded.getFirst().equals("# cuda"), "recorded by no GPU");
    List<String> bits = recorded.stream().filter(l -> !l.startsWith("#")).toList();
    assertEquals(bits, run(bits.size() == OF_SM_80 ? "0" : "1", Map.of()));
  }
}
