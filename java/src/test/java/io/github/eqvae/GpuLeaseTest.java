package io.github.eqvae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * bench/gpu/run on a rented GPU that may be gone at any moment, with a package whose programs do
 * nothing: whenever it is killed, the archive has what was finished before.
 */
@Tag("full")
class GpuLeaseTest {
  private static final Path ROOT = Path.of(System.getProperty("eqvae.root"));
  private static final int MOST_FILES = 8;

  /** The processes of the part that runs every kernel. */
  private static final int FAMILIES = 8;

  @TempDir Path folder;

  /** Numbers its calls, and stops for ever at the call that STOP names. */
  private static final String PROGRAM =
      """
      #!/usr/bin/env bash
      call=1
      until mkdir "$CALLS/$call" 2>/dev/null; do call=$((call + 1)); done
      while [ $# -gt 0 ]; do
        [ "$1" != --out ] || echo '{"case": "nothing"}' >"$2"
        shift
      done
      [ "$call" != "$STOP" ] || { touch "$CALLS/stopped"; exec sleep 600; }
      echo "call $call"
      """;

  private Path script() throws IOException {
    Path gpu = folder.resolve("gpu");
    for (String program : List.of("jre/bin/java", "lib/primitives_simt")) {
      executable(gpu.resolve(program), PROGRAM);
    }
    Files.writeString(gpu.resolve("lib/libeqv_simt.so"), "");
    Path run = gpu.resolve("run");
    executable(run, "");
    Files.copy(ROOT.resolve("bench/gpu/run"), run, StandardCopyOption.REPLACE_EXISTING);
    return run;
  }

  private static void executable(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
    assertTrue(file.toFile().setExecutable(true), file::toString);
  }

  private Path calls(String name) {
    return folder.resolve("calls-" + name);
  }

  private Process start(String name, int stop, String lease, String... more) throws IOException {
    Files.createDirectories(calls(name));
    List<String> command = new ArrayList<>(List.of("bash", script().toString()));
    command.addAll(List.of("--device", "simt", "--python", "/bin/false", "--lease", lease));
    command.addAll(List.of(more));
    command.add(folder.resolve(name).toString());
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("CALLS", calls(name).toString());
    builder.environment().put("STOP", String.valueOf(stop));
    return builder.redirectErrorStream(true).redirectOutput(log(name)).start();
  }

  private java.io.File log(String name) {
    return folder.resolve(name + ".log").toFile();
  }

  private String said(String name) throws IOException {
    return Files.readString(log(name).toPath());
  }

  /** The parts whose results are in the archive. */
  private List<String> home(String name) throws Exception {
    Path unpacked = Files.createDirectories(folder.resolve("unpacked-" + name));
    Path archive = folder.resolve(name).resolve("results.tar.gz");
    Process tar =
        new ProcessBuilder("tar", "-C", unpacked.toString(), "-xzf", archive.toString())
            .redirectErrorStream(true)
            .start();
    String out = new String(tar.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, tar.waitFor(), out);
    List<String> parts =
        Pattern.compile("\"part\": \"([^\"]+)\"")
            .matcher(Files.readString(unpacked.resolve("summary.jsonl")))
            .results()
            .map((MatchResult r) -> r.group(1))
            .toList();
    for (String part : parts) {
      assertTrue(Files.exists(unpacked.resolve(part + ".log")), part);
    }
    try (Stream<Path> files = Files.list(folder.resolve(name))) {
      assertTrue(files.count() <= MOST_FILES, "too many files for the way back");
    }
    return parts;
  }

  private int count(String name) throws IOException {
    try (Stream<Path> files = Files.list(calls(name))) {
      return (int) files.count();
    }
  }

  @ParameterizedTest
  @CsvSource({"1, primitives", "2, bench-lease-conv"})
  void whateverIsKilledTheArchiveHasWhatWasFinished(String lease, String first) throws Exception {
    Process all = start("all", 0, lease);
    assertTrue(all.waitFor(2, TimeUnit.MINUTES));
    assertEquals(0, all.exitValue(), said("all"));
    List<String> parts = home("all");
    assertEquals(first, parts.getFirst());
    assertEquals("tables", parts.getLast());
    int calls = count("all");
    assertTrue(calls >= parts.size(), "a call for each part");
    int before = 0;
    for (int stop = 1; stop <= calls; stop++) {
      if ("1".equals(lease) && stop > 1 && stop <= FAMILIES) {
        continue; // these calls are of one part
      }
      String name = "stop-" + stop;
      Process run = start(name, stop, lease);
      Path stopped = calls(name).resolve("stopped");
      for (int i = 0; i < 3000 && !Files.exists(stopped); i++) {
        Thread.sleep(20);
      }
      assertTrue(Files.exists(stopped), said(name));
      List<ProcessHandle> children = run.descendants().toList();
      run.destroyForcibly().waitFor();
      children.forEach(ProcessHandle::destroyForcibly);
      List<String> finished = home(name);
      assertEquals(parts.subList(0, finished.size()), finished);
      assertTrue(finished.size() >= before && finished.size() < parts.size(), finished::toString);
      before = finished.size();
    }
    assertEquals(parts.size() - 1, before, "the last call is that of the last part");
  }

  /** On another machine, with what came back from the first one. */
  @Test
  void theSecondCommandGoesOnWithTheArchive() throws Exception {
    Process first = start("both", 0, "1");
    assertTrue(first.waitFor(2, TimeUnit.MINUTES));
    List<String> parts = home("both");
    Files.move(folder.resolve("gpu"), folder.resolve("gone"));
    Process second = start("both", 0, "2");
    assertTrue(second.waitFor(2, TimeUnit.MINUTES));
    assertEquals(0, second.exitValue(), said("both"));
    List<String> both = home("both");
    assertTrue(both.containsAll(parts) && both.contains("bench-lease-step"), both::toString);
  }

  @Test
  void whatHasNoTimeIsLeftOut() throws Exception {
    Process run = start("short", 0, "2", "--seconds", "14");
    assertTrue(run.waitFor(2, TimeUnit.MINUTES));
    assertEquals(0, run.exitValue(), said("short"));
    assertTrue(said("short").contains("no time is left"), said("short"));
  }
}
