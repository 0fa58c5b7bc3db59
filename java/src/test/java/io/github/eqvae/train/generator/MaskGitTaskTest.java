package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.diffusion.MaskSchedule;
import io.github.eqvae.testing.CheckpointHashes;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.train.GraphStatistics;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.MemoryPlan;
import io.github.eqvae.train.StepReport;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * MaskGIT trains on the engine: it learns, resumes, is captured, planned, does not mind threads.
 */
class MaskGitTaskTest {
  private static final String HALTON = "model.kind=halton";

  @TempDir Path folder;
  private Path codes;

  @BeforeEach
  void makeCodes() throws Exception {
    codes = TinyCodes.folder(folder);
  }

  private MaskGitRecipe recipe(int steps, List<String> settings) {
    return MaskGitRecipe.parse(TinyCodes.recipe(codes, steps, 1000), "tiny", settings);
  }

  private record Trained(
      List<Map<String, Double>> losses,
      List<String> lines,
      Map<String, String> hashes,
      GraphStatistics graphs) {}

  private Trained train(MaskGitRecipe recipe, String name) throws Exception {
    List<Map<String, Double>> losses = new ArrayList<>();
    List<String> lines = new ArrayList<>();
    CheckpointStore store = new CheckpointStore(folder.resolve(name), 1);
    GraphStatistics statistics;
    try (Trainer<MaskGitTask> trainer = new Trainer<>(recipe);
        CodeData data = new CodeData(recipe)) {
      var latest = store.latest().checkpoint();
      if (latest.isPresent()) {
        trainer.resume(latest.get());
      }
      trainer.run(
          new CodeBatches(recipe, data),
          null,
          store,
          new TrainListener() {
            @Override
            public void step(StepReport report) {
              losses.add(report.values());
              lines.add(report.skipped() + " " + report.values());
            }
          });
      statistics = trainer.graphs();
    }
    Map<String, String> hashes =
        CheckpointHashes.of(store.latest().checkpoint().orElseThrow().directory(), 4);
    return new Trained(losses, lines, hashes, statistics);
  }

  private static double mean(List<Map<String, Double>> losses, String key, int from, int to) {
    return losses.subList(from, to).stream().mapToDouble(l -> l.get(key)).average().orElseThrow();
  }

  static Stream<List<String>> kinds() {
    return Stream.of(
        List.of(),
        List.of("masking.tokens=masked", "masking.label_smoothing=0", "masking.schedule=cosine"),
        List.of(HALTON, "model.registers=1"));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void everyKindLearns(List<String> settings) throws Exception {
    Trained trained = train(recipe(100, settings), "run");
    for (String key : List.of("total", MaskGitTask.MASKED_LOSS)) {
      double early = mean(trained.losses(), key, 0, 10);
      double late = mean(trained.losses(), key, 80, 100);
      assertTrue(late < 0.75 * early, key + " from " + early + " to " + late);
    }
    // Nothing is known at first: the logarithm of codes and the mask.
    assertEquals(
        Math.log(TinyCodes.CODES + 1),
        trained.losses().getFirst().get(MaskGitTask.MASKED_LOSS),
        0.4);
  }

  static Stream<List<String>> resumed() {
    Stream<List<String>> cpu = Stream.of(List.of(), List.of(HALTON));
    return Devices.computing().contains("simt")
        ? Stream.concat(cpu, Stream.of(List.of("run.device=simt", "model.depth=1")))
        : cpu;
  }

  @ParameterizedTest
  @Tag("full")
  @MethodSource("resumed")
  void aResumedRunHasTheBitsOfOneThatNeverStopped(List<String> kind) throws Exception {
    Trained whole = train(recipe(20, kind), "whole");
    Trained first = train(recipe(9, kind), "parts");
    Trained rest = train(recipe(20, kind), "parts");
    List<String> parts = new ArrayList<>(first.lines());
    parts.addAll(rest.lines());
    assertEquals(whole.lines(), parts);
    assertEquals(whole.hashes(), rest.hashes());
  }

  @Test
  void threadsChangeNothingAndSeedsAndDropoutDo() throws Exception {
    Trained one = train(recipe(10, List.of("run.threads=1")), "one");
    Trained two = train(recipe(10, List.of("run.threads=2")), "two");
    assertEquals(one.lines(), two.lines());
    assertEquals(one.hashes(), two.hashes());
    assertNotEquals(one.hashes(), train(recipe(10, List.of("run.seed=6")), "seed").hashes());
    assertNotEquals(one.hashes(), train(recipe(10, List.of("model.dropout=0")), "none").hashes());
  }

  /** A block that is computed again drops the same numbers. */
  @Test
  void recomputingChangesNothing() throws Exception {
    for (String kind : List.of("model.kind=maskgit", HALTON)) {
      Trained kept = train(recipe(5, List.of(kind)), "kept" + kind);
      Trained again = train(recipe(5, List.of(kind, "run.recompute=block")), "again" + kind);
      assertEquals(kept.lines(), again.lines());
      assertEquals(kept.hashes(), again.hashes());
    }
  }

  static Stream<List<String>> captured() {
    List<List<String>> all = new ArrayList<>();
    for (String device : List.of("simt", "cuda")) {
      if (Devices.computing().contains(device)) {
        all.add(List.of("run.device=" + device));
        all.add(List.of("run.device=" + device, HALTON, "run.precision=bf16"));
      }
    }
    return all.stream();
  }

  /** A capture that froze a mask, a label, what is dropped or a rate would show. */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("captured")
  void launchedStepsHaveTheBitsOfSingleOperations(List<String> kind) throws Exception {
    List<String> settings = new ArrayList<>(kind);
    settings.addAll(
        List.of("optimizer.schedule=warmup", "optimizer.warmup_steps=20", "model.depth=1"));
    Trained graphs = train(recipe(5, settings), "graphs");
    settings.add("run.graphs=off");
    Trained eager = train(recipe(5, settings), "eager");
    assertEquals(0, eager.graphs().captured());
    assertTrue(graphs.graphs().captured() > 0 && graphs.graphs().launched() >= 5);
    assertEquals(eager.lines(), graphs.lines());
    assertEquals(eager.hashes(), graphs.hashes());
  }

  /** Scratch memory included; and recomputing takes less. */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.eqvae.testing.Devices#kernels")
  void thePeakOnTheDeviceIsThePlannedOne(String device) throws Exception {
    List<Long> planned = new ArrayList<>();
    for (String recompute : List.of("none", "block")) {
      MaskGitRecipe recipe =
          recipe(2, List.of("run.device=" + device, "run.recompute=" + recompute, "model.depth=3"));
      try (Trainer<MaskGitTask> trainer = new Trainer<>(recipe);
          CodeData data = new CodeData(recipe)) {
        CheckpointStore store = new CheckpointStore(folder.resolve(recompute), 1);
        trainer.run(new CodeBatches(recipe, data), null, store, new TrainListener() {});
        MemoryPlan plan = trainer.plan();
        assertEquals(plan.deviceBytes(), trainer.memory().peakBytes(), plan::text);
        assertTrue(plan.evaluationBytes() > 0);
        planned.add(plan.stepBytes());
      }
    }
    assertTrue(planned.get(1) < planned.get(0), planned::toString);
  }

  /** A batch depends on its number alone; as much is hidden as the schedule says. */
  @Test
  void batchesArePureFunctionsOfTheirNumber() throws Exception {
    MaskGitRecipe recipe = recipe(1, List.of("run.batch_size=8"));
    try (Trainer<MaskGitTask> trainer = new Trainer<>(recipe);
        CodeData data = new CodeData(recipe)) {
      HostBatch a = new HostBatch(trainer.task().batch());
      HostBatch b = new HostBatch(trainer.task().batch());
      new CodeBatches(recipe, data).load(30, a);
      CodeBatches walked = new CodeBatches(recipe, data);
      int unlabelled = 0;
      int hidden = 0;
      for (int i = 0; i < 200; i++) {
        walked.load(i, b);
        int[] tokens = b.ints(MaskGitTask.TOKENS);
        int[] targets = b.ints(MaskGitTask.TARGETS);
        float[] masked = b.floats(MaskGitTask.MASKED);
        double sum = 0;
        for (int t = 0; t < targets.length; t++) {
          int token = tokens[t / 16 * 17 + t % 16];
          assertEquals(masked[t] > 0 ? TinyCodes.CODES : targets[t], token);
          hidden += masked[t] > 0 ? 1 : 0;
          sum += masked[t];
        }
        assertEquals(1, sum, 1e-5, "weights of hidden codes");
        for (int n = 0; n < 8; n++) {
          unlabelled += tokens[n * 17 + 16] == TinyCodes.CODES + 1 + TinyCodes.CLASSES ? 1 : 0;
        }
      }
      walked.load(30, b);
      assertArrayEquals(a.ints(MaskGitTask.TOKENS), b.ints(MaskGitTask.TOKENS));
      assertArrayEquals(a.floats(MaskGitTask.MASKED), b.floats(MaskGitTask.MASKED));
      // 1600 labels, hidden with a probability of 0.2: 320 ± 5 · 16.
      assertEquals(320, unlabelled, 80);
      // The mean of arccos(r)/(π/2) is 2/π. Its variance is below 1/4, of 1600 pictures; that of a
      // picture's 16 codes is far smaller.
      assertEquals(2 / Math.PI, hidden / (1600.0 * 16), 5 * Math.sqrt(0.25 / 1600));
    }
  }

  @Test
  void everyScheduleHidesItsShare() {
    int all = 4000;
    for (MaskSchedule schedule :
        List.of(
            MaskSchedule.LINEAR, MaskSchedule.SQUARE, MaskSchedule.COSINE, MaskSchedule.ARCCOS)) {
      for (double r : new double[] {0.1, 0.5, 0.9}) {
        int hidden = 0;
        for (boolean h : new MaskDraws(1, 0, schedule).mask(3, 2, r, all)) {
          hidden += h ? 1 : 0;
        }
        assertEquals(schedule.fraction(r), hidden / (double) all, 5 * Math.sqrt(0.25 / all));
      }
    }
  }
}
