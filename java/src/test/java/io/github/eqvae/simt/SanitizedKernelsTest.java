package io.github.eqvae.simt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.eqvae.op.EveryKernel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The kernels under AddressSanitizer and UndefinedBehaviorSanitizer: accesses beside shared memory,
 * allocations and local arrays, overflowing indices, shifts too far.
 */
@Tag("full")
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
@Execution(ExecutionMode.CONCURRENT)
class SanitizedKernelsTest {
  private static final Path LIBRARIES =
      Path.of(System.getProperty("eqvae.native.dir"), "sanitized").toAbsolutePath();

  @TempDir Path folder;

  @BeforeAll
  static void isBuilt() {
    assumeTrue(Files.exists(LIBRARIES), "g++ has no sanitizers here");
  }

  /** The sanitizer must be there before the Java machine, whose signals it must leave alone. */
  private String run(Class<?> program) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-Xmx1g"));
    command.add("-XX:TieredStopAtLevel=1");
    command.addAll(List.of("-XX:-CreateCoredumpOnCrash", "-XX:ErrorFile=" + folder.resolve("c")));
    command.add("-Deqvae.native.dir=" + LIBRARIES);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), program.getName()));
    command.add("--fewer-rows");
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("LD_PRELOAD", sanitizers());
    builder.environment().put("ASAN_OPTIONS", "handle_segv=0:detect_leaks=0");
    builder.environment().put("UBSAN_OPTIONS", "print_stacktrace=1");
    builder.redirectErrorStream(true);
    Path out = folder.resolve("out.txt");
    Process p = builder.redirectOutput(out.toFile()).start();
    try {
      assertTrue(p.waitFor(10, TimeUnit.MINUTES), "does not end");
    } finally {
      p.destroyForcibly();
    }
    return p.exitValue() + "\n" + Files.readString(out);
  }

  /** The compiler knows where its own are. */
  private static String sanitizers() throws Exception {
    List<String> paths = new ArrayList<>();
    for (String name : List.of("libasan.so", "libubsan.so")) {
      Process p = new ProcessBuilder("g++", "-print-file-name=" + name).start();
      paths.add(new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip());
      assertEquals(0, p.waitFor());
    }
    return String.join(" ", paths);
  }

  /** The watch is awake: faults in a kernel are seen and end the process. */
  @ParameterizedTest
  @CsvSource({"beside, AddressSanitizer", "shift-too-far, runtime error: shift exponent"})
  void faultsAreSeen(String name, String report) throws Exception {
    Path program = LIBRARIES.resolveSibling("shim_test_sanitized");
    Process p = new ProcessBuilder(program.toString(), name).redirectErrorStream(true).start();
    String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertNotEquals(0, p.waitFor(), out);
    assertTrue(out.contains(report) && out.contains("shim_test.cpp"), out);
  }

  @Test
  void theSanitizersHaveNothingToSay() throws Exception {
    String out = run(EveryKernel.class);
    assertFalse(out.contains("Sanitizer") || out.contains("runtime error"), out);
    assertTrue(out.startsWith("0\n"), out);
  }
}
