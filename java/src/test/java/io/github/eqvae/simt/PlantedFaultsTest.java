package io.github.eqvae.simt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.op.TiledProducts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Would the tests notice? native/simt/faults.cmake builds the kernels with faults of which one is
 * awake at a time; every one must turn the check of the tiled products red, and the sound library
 * must pass it, as must the other one while all faults are asleep.
 */
@Tag("full")
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
@Execution(ExecutionMode.CONCURRENT)
class PlantedFaultsTest {
  private static final Path LIBRARIES = Path.of(System.getProperty("eqvae.native.dir"));

  /** Faults with this in their name show only when copies are done at once. */
  private static final String EARLY = "-early";

  /** A fault that ends in a wait for ever. */
  private static final String NEVER_RELEASED = "never-released";

  private static final String RESIDUAL =
      "conv2d Activation[kind=IDENTITY, slope=0.0] [2, 9, 11, 32] stride 1 residual";

  private static final String SLABS = "conv2d tiled slabs [";

  /**
   * Faults that the small products do not show, and products that do: they are tried first. One
   * that does not show the fault any more costs time only, because all others follow.
   */
  private static final Map<String, String> SHOWN_BY =
      Map.ofEntries(
          Map.entry("early-release", "conv2d tiled unpadded"),
          Map.entry("early-release-weight", "conv2d tiled wide kernel"),
          Map.entry("out-of-bounds-hopper", "conv2d tiled unpadded"),
          Map.entry("other-block-not-waited-for", "conv2d tiled unpadded"),
          Map.entry("order-not-awaited", "conv2d tiled ["),
          Map.entry("stages-of-the-other", "conv2d tiled pointwise"),
          Map.entry("out-of-bounds-thin", "conv2d thin pointwise"),
          Map.entry("missing-barrier-thin", "conv2d thin pointwise"),
          Map.entry("wait-off-by-one-thin", "conv2d thin pointwise"),
          Map.entry("mirrored-at-the-edge", "pad2d tiled REFLECT"),
          Map.entry("residual-not-waited-for", RESIDUAL),
          Map.entry("fetched-too-soon", RESIDUAL),
          Map.entry("never-released", "conv2d tiled unpadded"),
          Map.entry("tile-from-the-start", "conv2d tiled pointwise"),
          Map.entry("early-release-slab", SLABS),
          Map.entry("slab-not-waited-for", SLABS),
          Map.entry("slab-too-far-down", SLABS),
          Map.entry(
              "box-of-another-tile", "conv2d Activation[kind=SILU, slope=0.0] [1, 32, 16, 40]"),
          Map.entry("slabs-from-the-start", SLABS),
          Map.entry("overwritten-early", "conv2d thin to 4, many turns"));

  @TempDir Path folder;

  private static List<String> all() throws IOException {
    return Files.readAllLines(LIBRARIES.resolve("faults/names.txt"));
  }

  /** Of a program that a test runs, not of the kernels. */
  private static boolean isOfAProgram(String fault) {
    return fault.endsWith("-device") || fault.endsWith("-primitives");
  }

  static List<String> faults() throws IOException {
    return all().stream().filter(f -> !isOfAProgram(f)).toList();
  }

  static List<String> faultsOfPrograms() throws IOException {
    return all().stream().filter(PlantedFaultsTest::isOfAProgram).toList();
  }

  private static void checkPrograms(String fault) throws Exception {
    Path programs = LIBRARIES.resolve("faults");
    if (!fault.endsWith("-primitives")) {
      CudaDeviceTest.check(programs, Map.of("EQV_FAULT", fault));
    }
    if (!fault.endsWith("-device")) {
      PrimitivesTest.run(programs, "1", Map.of("EQV_FAULT", fault));
    }
  }

  /** In a process of its own: a fault may end it. */
  private int check(Path libraries, String fault) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Stream.concat(
                    Stream.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:-CreateCoredumpOnCrash",
                        "-XX:ErrorFile=" + folder.resolve("crash.log"),
                        "-Deqvae.native.dir=" + libraries,
                        "-cp",
                        System.getProperty("java.class.path"),
                        TiledProducts.class.getName()),
                    Stream.ofNullable(SHOWN_BY.get(fault)))
                .toList());
    builder.environment().put("SIMT_SEED", "3");
    builder.environment().put("EQV_FAULT", fault);
    builder.environment().remove("SIMT_EARLY");
    if (fault.endsWith(EARLY)) {
      builder.environment().put("SIMT_EARLY", "1");
    }
    builder.redirectErrorStream(true);
    builder.redirectOutput(folder.resolve("out.txt").toFile());
    Process p = builder.start();
    assertTrue(p.waitFor(10, TimeUnit.MINUTES), "the check does not end");
    return p.exitValue();
  }

  @Test
  void theSoundKernelsPass() throws Exception {
    assertEquals(0, check(LIBRARIES, ""), () -> out());
    assertEquals(0, check(LIBRARIES.resolve("faults"), "none"), () -> out());
    checkPrograms("none");
  }

  @ParameterizedTest
  @MethodSource("faultsOfPrograms")
  void everyFaultOfAProgramIsNoticed(String fault) {
    assertThrows(AssertionError.class, () -> checkPrograms(fault), fault);
  }

  @ParameterizedTest
  @MethodSource("faults")
  void everyFaultIsNoticed(String fault) throws Exception {
    int code = check(LIBRARIES.resolve("faults"), fault);
    assertTrue(code != 0, () -> fault + " was not noticed: " + out());
    boolean wrong = code == TiledProducts.WRONG;
    boolean stopped = out().contains("simt:") || out().contains("SIGSEGV");
    assertTrue(wrong || stopped, () -> out());
    if (NEVER_RELEASED.equals(fault)) {
      assertTrue(out().contains("did not end: for barrier '"), () -> out());
    }
  }

  @Test
  void thereAreFaults() throws IOException {
    Path list = Path.of(System.getProperty("eqvae.root"), "native", "simt", "faults.cmake");
    try (Stream<String> lines = Files.lines(list)) {
      long planted = lines.filter(line -> line.matches(" *\"[a-z-]+\\|.*")).count();
      assertTrue(planted >= 43, "faults.cmake has " + planted);
      assertEquals(planted, all().size(), "not every fault was built");
    }
  }

  private String out() {
    try {
      return Files.readString(folder.resolve("out.txt"));
    } catch (IOException e) {
      return e.toString();
    }
  }
}
