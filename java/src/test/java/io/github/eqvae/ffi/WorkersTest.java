package io.github.eqvae.ffi;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * How the CPU library shares work among threads: each piece is computed once, by one thread at a
 * time, for several calls at once and for calls within calls; and when a call does without other
 * threads. The checks are in native/cpu/workers_test.cc.
 */
@Execution(ExecutionMode.CONCURRENT)
class WorkersTest {
  @Test
  void everyPieceIsComputedOnce() throws Exception {
    Path program = Path.of(System.getProperty("eqvae.native.dir"), "workers_test");
    Process process = new ProcessBuilder(program.toString()).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    process.waitFor();
    assertEquals("", text);
    assertEquals(0, process.exitValue());
  }
}
