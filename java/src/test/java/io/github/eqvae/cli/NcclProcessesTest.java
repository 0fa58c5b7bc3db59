package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.testing.NcclStandIn;
import io.github.eqvae.testing.QuickStart;
import io.github.eqvae.testing.TestRanks;
import io.github.eqvae.train.generator.TinyLatents;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
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
  private static final int SECONDS_TO_END = 60; // with the start of the processes

  @TempDir static Path folder;
  private static QuickStart java;
  private static Path recipe;

  @BeforeAll
  static void archive() throws Exception {
    java = new QuickStart(folder);
    recipe = folder.resolve("generator.yaml");
    Files.writeString(recipe, TinyLatents.recipe(TinyLatents.folder(folder), 6, 100));
    List<String> command = java.first(train(folder.resolve("first")));
    assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor());
  }

  private static List<String> train(Path out) {
    List<String> all = new ArrayList<>(List.of("train", recipe.toString()));
    all.addAll(List.of("--out", out.toString(), "--set", "run.device=simt"));
    all.addAll(List.of("--set", "run.threads=1"));
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
    int port = TestRanks.port();
    List<Process> all = new ArrayList<>();
    for (int r = 0; r < RANKS; r++) {
      ProcessBuilder builder = new ProcessBuilder(java.again(List.of(), train(out)));
      Map<String, String> environment = builder.environment();
      environment.put("OMP_NUM_THREADS", "1");
      environment.putAll(TestRanks.environment(r, RANKS, port));
      environment.put("EQVAE_NCCL", NcclStandIn.file().toString());
      environment.put("EQVAE_NCCL_WAIT", "3");
      environment.put("EQV_NCCL_FAULT", fault);
      builder.redirectErrorStream(true);
      builder.redirectOutput(output(name, r).toFile());
      all.add(builder.start());
    }
    StringBuilder texts = new StringBuilder();
    for (int r = 0; r < RANKS; r++) {
      boolean ended = all.get(r).waitFor(SECONDS_TO_END, TimeUnit.SECONDS);
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

  private static Path output(String name, int rank) {
    return folder.resolve(name + "-" + rank + ".txt");
  }
}
