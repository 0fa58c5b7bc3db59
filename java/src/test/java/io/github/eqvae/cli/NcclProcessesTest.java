package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.eqvae.testing.CheckpointHashes;
import io.github.eqvae.testing.NcclStandIn;
import io.github.eqvae.testing.QuickStart;
import io.github.eqvae.testing.TestRanks;
import io.github.eqvae.train.generator.TinyLatents;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
 * Ranks as processes whose GPUs exchange through NCCL: whatever happens there, all end in time, and
 * one of them says why. Kernels run on the processor, and a library stands in for NCCL.
 */
@Tag("full")
@Execution(ExecutionMode.CONCURRENT)
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
class NcclProcessesTest {
  private static final int RANKS = 3;
  private static final int MINUTES = 10; // only a hang takes so long, also on a busy machine

  @TempDir static Path folder;
  private static QuickStart java;
  private static Path recipe;

  @BeforeAll
  static void archive() throws Exception {
    java = new QuickStart(folder);
    recipe = folder.resolve("generator.yaml");
    Files.writeString(recipe, TinyLatents.recipe(TinyLatents.folder(folder), 6, 100));
    List<String> command = java.first(arguments(folder.resolve("first"), 1));
    assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor());
  }

  private static List<String> train(Path out, int accumulate) {
    return java.again(List.of(), arguments(out, accumulate));
  }

  private static List<String> arguments(Path out, int accumulate) {
    List<String> all = new ArrayList<>(List.of("train", recipe.toString()));
    all.addAll(List.of("--out", out.toString(), "--set", "run.device=simt"));
    all.addAll(List.of("--set", "run.threads=1"));
    all.addAll(List.of("--set", "optimizer.accumulate=" + accumulate));
    return all;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "hang 1 5    | has waited 3 s in NCCL's",
        "hang 0 0    | has waited 3 s in NCCL's start",
        "fail 2 5    | NCCL failed in rank 2 of 3, in its",
        "refuse 0 5  | NCCL failed in rank 0 of 3, in its",
        "die 1 5     | ) is gone",
      })
  void allEndInTime(String fault, String said) throws Exception {
    String name = fault.strip().replace(' ', '-');
    Path out = folder.resolve(name);
    // A rank that fails is noticed long before; on a busy machine others may be late to start.
    String wait = fault.startsWith("hang") ? "3" : "120";
    int port = TestRanks.port();
    List<Process> all = new ArrayList<>();
    for (int r = 0; r < RANKS; r++) {
      Map<String, String> more = new HashMap<>(TestRanks.environment(r, RANKS, port));
      more.putAll(Map.of("EQVAE_NCCL_WAIT", wait, "EQV_NCCL_FAULT", fault));
      all.add(start(train(out, 1), more, output(name, r)));
    }
    StringBuilder texts = new StringBuilder();
    for (int r = 0; r < RANKS; r++) {
      boolean ended = all.get(r).waitFor(MINUTES, TimeUnit.MINUTES);
      if (!ended) {
        all.forEach(Process::destroyForcibly);
      }
      assertTrue(ended, "rank " + r + " still runs");
      assertFalse(all.get(r).exitValue() == 0);
      texts.append(Files.readString(output(name, r)));
    }
    assertEquals(
        1, texts.toString().lines().filter(l -> l.contains(said)).count(), texts.toString());
    assertFalse(texts.toString().contains("\tat "), texts.toString());
  }

  private static Process start(List<String> command, Map<String, String> more, Path output)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> environment = builder.environment();
    environment.put("OMP_NUM_THREADS", "1");
    environment.put("EQVAE_NCCL", NcclStandIn.file().toString());
    environment.putAll(more);
    return builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
  }

  private static Map<String, String> hashes(
      List<String> command, Map<String, String> more, Path out) throws Exception {
    Path said = output(out.getFileName().toString(), 0);
    Process process = start(command, more, said);
    assertTrue(process.waitFor(MINUTES, TimeUnit.MINUTES), "it does not end");
    assertEquals(0, process.exitValue(), Files.readString(said));
    return CheckpointHashes.latest(out, 4);
  }

  /**
   * The streams are told what to wait for: work is done as late as possible, and then at once. A
   * rank that did not wait would send gradients that are not there yet, or use a sum that is not.
   * Without graphs buckets are sent from within the backward pass.
   */
  @ParameterizedTest
  @CsvSource({"SIMT_LATE,auto", "SIMT_LATE,off", "SIMT_EARLY,off"})
  void noWaitIsForgotten(String when, String graphs) throws Exception {
    String name = when + "-" + graphs;
    Path alone = folder.resolve(name + "-one");
    Map<String, String> one = hashes(train(alone, 2), Map.of(), alone);
    Path out = folder.resolve(name);
    List<String> command = new ArrayList<>(train(out, 1));
    command.addAll(List.of("--set", "run.graphs=" + graphs));
    int port = TestRanks.port();
    Map<String, String> second = new HashMap<>(TestRanks.environment(1, 2, port));
    second.put(when, "1");
    Process other = start(command, second, output(name, 1));
    Map<String, String> first = new HashMap<>(TestRanks.environment(0, 2, port));
    first.put(when, "1");
    assertEquals(one, hashes(command, first, out));
    assertEquals(0, other.waitFor());
  }

  /** NCCL's identifier travels by MPI, where that starts the ranks. */
  @Test
  void mpirunCarriesTheIdentifier() throws Exception {
    assumeTrue(RankedProcessesTest.hasMpi(), "no mpirun of Open MPI, or no libeqv_mpi.so");
    Path one = folder.resolve("mpi-one");
    Path out = folder.resolve("mpi");
    List<String> command = new ArrayList<>(List.of("mpirun", "-n", "2", "--bind-to", "none"));
    command.add("--oversubscribe");
    command.addAll(train(out, 1));
    Map<String, String> root =
        Map.of("OMPI_ALLOW_RUN_AS_ROOT", "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    assertEquals(hashes(train(one, 2), Map.of(), one), hashes(command, root, out));
  }

  private static Path output(String name, int rank) {
    return folder.resolve(name + "-" + rank + ".txt");
  }
}
