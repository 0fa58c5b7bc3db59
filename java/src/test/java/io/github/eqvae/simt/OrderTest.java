package io.github.eqvae.simt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.op.EveryKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * All kernels under the shim give the same bits whatever the order of threads and blocks, and
 * whether copies, stores and products happen at once or as late as the program allows. Both are set
 * for a process, so each combination is one. In the last one convolutions have no slabs, which
 * change no bit either.
 */
@Tag("full")
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
@Execution(ExecutionMode.CONCURRENT)
class OrderTest {
  private static final String LAUNCHES = "launches-";
  private static final String WITHOUT_SLABS = "7true";

  @TempDir Path folder;

  private record Run(Process process, Path out) {}

  private Run start(String seed, boolean early) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xmx512m",
            "-XX:-CreateCoredumpOnCrash",
            "-XX:ErrorFile=" + folder.resolve("crash.log"),
            "-Deqvae.native.dir=" + System.getProperty("eqvae.native.dir"),
            "-cp",
            System.getProperty("java.class.path"),
            EveryKernel.class.getName(),
            "--light");
    builder.environment().put("SIMT_SEED", seed);
    builder.environment().remove("SIMT_EARLY");
    if (early) {
      builder.environment().put("SIMT_EARLY", "1");
    }
    if (WITHOUT_SLABS.equals(seed + early)) {
      builder.environment().put("EQV_CONV_SLABS", "0");
    }
    builder.environment().put("SIMT_LAUNCHES", folder.resolve(LAUNCHES + seed + early).toString());
    Path out = folder.resolve(seed + early);
    builder.redirectErrorStream(true).redirectOutput(out.toFile());
    return new Run(builder.start(), out);
  }

  /**
   * What every launch asks for, of dynamic shared memory above all, which the compiler does not
   * know. To write kernels/launches.tsv anew: {@code EQVAE_WRITE_GOLDEN=true}.
   */
  private void sharedMemoryIsTheRecorded() throws IOException {
    TreeSet<String> lines = new TreeSet<>();
    assertNotEquals(
        Set.copyOf(Files.readAllLines(folder.resolve(LAUNCHES + "0true"))),
        Set.copyOf(Files.readAllLines(folder.resolve(LAUNCHES + WITHOUT_SLABS))),
        "slabs are launched with other memory");
    try (Stream<Path> files = Files.list(folder)) {
      for (Path f : files.filter(p -> p.getFileName().toString().startsWith(LAUNCHES)).toList()) {
        lines.addAll(Files.readAllLines(f));
      }
    }
    String text =
        "# kernel\tblocks per cluster\tthreads\tdynamic shared memory\n"
            + String.join("\n", lines)
            + "\n";
    Path golden = Path.of(System.getProperty("eqvae.root"), "kernels", "launches.tsv");
    if ("true".equals(System.getenv("EQVAE_WRITE_GOLDEN"))) {
      Files.writeString(golden, text);
    }
    assertEquals(Files.readString(golden), text, "what kernels are launched with changed");
  }

  @Test
  void noOrderChangesABit() throws Exception {
    Map<String, Run> runs = new LinkedHashMap<>();
    for (String seed : List.of("0", "7")) {
      for (boolean early : new boolean[] {false, true}) {
        runs.put("seed " + seed + (early ? ", early" : ", late"), start(seed, early));
      }
    }
    String first = null;
    try {
      for (Map.Entry<String, Run> e : runs.entrySet()) {
        Run run = e.getValue();
        assertTrue(run.process().waitFor(10, TimeUnit.MINUTES), e.getKey() + " does not end");
        String out = Files.readString(run.out());
        assertEquals(0, run.process().exitValue(), () -> e.getKey() + ": " + out);
        assertTrue(out.startsWith(EveryKernel.RESULTS), out);
        first = first == null ? out : first;
        assertEquals(first, out, e.getKey());
      }
      sharedMemoryIsTheRecorded();
    } finally {
      runs.values().forEach(run -> run.process().destroyForcibly());
    }
  }
}
