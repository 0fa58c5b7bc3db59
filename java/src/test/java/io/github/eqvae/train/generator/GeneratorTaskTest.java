package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.testing.CheckpointHashes;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.train.BatchSource;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Generators train on the engine: they learn, resume, are captured, planned and do not mind
 * threads.
 */
class GeneratorTaskTest {
  @TempDir Path folder;
  private Path latents;

  @BeforeEach
  void makeLatents() throws Exception {
    latents = TinyLatents.aligned(folder);
  }

  private GeneratorRecipe recipe(int steps, List<String> settings) {
    return GeneratorRecipe.parse(TinyLatents.recipe(latents, steps, 1000), "tiny", settings);
  }

  private record Trained(
      List<Map<String, Double>> losses,
      List<String> lines,
      Map<String, String> hashes,
      GraphStatistics graphs) {}

  private interface Wrapped {
    BatchSource around(BatchSource batches);
  }

  private Trained train(GeneratorRecipe recipe, String name, Wrapped wrapped) throws Exception {
    List<Map<String, Double>> losses = new ArrayList<>();
    List<String> lines = new ArrayList<>();
    CheckpointStore store = new CheckpointStore(folder.resolve(name), 1);
    GraphStatistics statistics;
    try (Trainer<GeneratorTask> trainer = new Trainer<>(recipe);
        LatentData data = new LatentData(recipe)) {
      var latest = store.latest().checkpoint();
      if (latest.isPresent()) {
        trainer.resume(latest.get());
      }
      trainer.run(
          wrapped.around(new LatentBatches(recipe, data)),
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

  private Trained train(GeneratorRecipe recipe, String name) throws Exception {
    return train(recipe, name, batches -> batches);
  }

  private static double mean(List<Map<String, Double>> losses, int from, int to, String key) {
    return losses.subList(from, to).stream().mapToDouble(l -> l.get(key)).average().orElseThrow();
  }

  static Stream<List<String>> kinds() {
    return Stream.of(
        List.of("model.kind=dit"),
        List.of("model.kind=dit", "model.learn_sigma=false", "diffusion.prediction=velocity"),
        List.of("model.kind=dit", "diffusion.loss=rescaled_kl", "data.posterior=mode"),
        List.of("model.kind=dit", "diffusion.variance=learned", "diffusion.schedule=quad"),
        List.of("model.kind=sit"),
        List.of("model.kind=sit", "model.classes=0", "samples.guidance=1"),
        List.of("model.kind=repa", "alignment.coefficient=0"),
        List.of("model.kind=repa", "repa.path=gvp", "alignment.coefficient=0"),
        TinyLatents.alignment("model.kind=repa"),
        TinyLatents.alignment("model.kind=dit"),
        List.of("model.kind=sit", "transport.path=gvp", "transport.prediction=score"),
        TinyLatents.lightning());
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void everyKindLearns(List<String> settings) throws Exception {
    GeneratorRecipe recipe = recipe(150, settings);
    Trained trained = train(recipe, "run");
    double early = mean(trained.losses(), 0, 30, "total");
    double late = mean(trained.losses(), 120, 150, "total");
    assertTrue(late < 0.9 * early, "from " + early + " to " + late);
    Map<String, Double> last = trained.losses().getLast();
    double sum = 0;
    int quarters = 0;
    for (int q = 0; q < QuarterLosses.COUNT; q++) {
      if (last.containsKey(QuarterLosses.name(q))) {
        sum += last.get(QuarterLosses.name(q));
        quarters++;
      }
    }
    assertTrue(quarters >= 1 && sum > 0, last::toString);
  }

  /** Quarters are means of samples; with as many samples in each they add up to the total. */
  @Test
  void quartersAreMeansOfTheirSamples() throws Exception {
    GeneratorRecipe recipe = recipe(1, List.of("model.kind=sit", "run.batch_size=64"));
    Map<String, Double> losses = train(recipe, "run").losses().getFirst();
    SampleDraws draws = new SampleDraws(recipe.run().seed(), recipe.process().loss());
    double total = 0;
    for (int q = 0; q < QuarterLosses.COUNT; q++) {
      int quarter = q;
      long count =
          Stream.of(0L, 1L)
              .flatMap(
                  micro ->
                      Stream.iterate(0, i -> i < 64, i -> i + 1).map(i -> draws.time(micro, i)))
              .filter(t -> QuarterLosses.of(recipe.process().loss(), t) == quarter)
              .count();
      assertTrue(count > 10, "times are drawn evenly");
      total += count / 128.0 * losses.get(QuarterLosses.name(q));
    }
    assertEquals(losses.get("total"), total, 1e-6 * total);
  }

  static Stream<List<String>> captured() {
    List<List<String>> all = new ArrayList<>();
    for (String device : Devices.kernels()) {
      String on = "run.device=" + device;
      all.add(List.of(on, "model.kind=dit"));
      all.add(TinyLatents.alignment(on, "model.kind=repa", "run.recompute=block"));
      List<String> lightning = new ArrayList<>(TinyLatents.lightning());
      lightning.addAll(List.of(on, "run.precision=bf16", "run.recompute=block"));
      all.add(lightning);
      // Wide enough for the linear layers of sm_90a.
      all.add(List.of(on, "model.kind=dit", "model.width=32", "run.precision=bf16"));
    }
    return all.stream();
  }

  /** A capture that froze a time, a label, noise or a rate would show. One batch is not finite. */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("captured")
  void launchedStepsHaveTheBitsOfSingleOperations(List<String> kind) throws Exception {
    List<String> settings = new ArrayList<>(kind);
    settings.addAll(
        List.of("optimizer.schedule=warmup", "optimizer.warmup_steps=20", "run.batch_size=2"));
    Wrapped bad =
        batches ->
            (index, batch) -> {
              batches.load(index, batch);
              if (index == 7) {
                batch.floats(GeneratorTask.MOMENTS)[1] = Float.NaN;
              }
            };
    Trained graphs = train(recipe(8, settings), "graphs", bad);
    settings.add("run.graphs=off");
    Trained eager = train(recipe(8, settings), "eager", bad);
    assertEquals(0, eager.graphs().captured());
    assertEquals(1, eager.lines().stream().filter(l -> l.startsWith("true")).count());
    assertTrue(graphs.graphs().captured() > 0 && graphs.graphs().launched() >= 8);
    assertEquals(eager.lines(), graphs.lines());
    assertEquals(eager.hashes(), graphs.hashes());
  }

  static Stream<List<String>> resumed() {
    List<String> simt = new ArrayList<>(TinyLatents.lightning());
    simt.add("run.device=simt");
    Stream<List<String>> cpu =
        Stream.of(
            List.of("model.kind=dit"),
            List.of("model.kind=sit", "data.posterior=mode"),
            TinyLatents.alignment("model.kind=repa"));
    return Devices.computing().contains("simt") ? Stream.concat(cpu, Stream.of(simt)) : cpu;
  }

  @ParameterizedTest
  @MethodSource("resumed")
  void aResumedRunHasTheBitsOfOneThatNeverStopped(List<String> kind) throws Exception {
    Trained whole = train(recipe(30, kind), "whole");
    Trained first = train(recipe(13, kind), "parts");
    Trained rest = train(recipe(30, kind), "parts");
    List<String> parts = new ArrayList<>(first.lines());
    parts.addAll(rest.lines());
    assertEquals(whole.lines(), parts);
    assertEquals(whole.hashes(), rest.hashes());
  }

  /** Products of real sizes are {@code ThreadBitsTest}'s. */
  @Test
  void threadsChangeNothing() throws Exception {
    Trained one = train(recipe(20, List.of("run.threads=1")), "one");
    Trained two = train(recipe(20, List.of("run.threads=2")), "two");
    assertEquals(one.lines(), two.lines());
    assertEquals(one.hashes(), two.hashes());
    Trained other = train(recipe(20, List.of("run.seed=6")), "other");
    assertNotEquals(one.hashes(), other.hashes());
  }

  @Test
  void recomputingChangesNothing() throws Exception {
    Trained kept = train(recipe(10, List.of()), "kept");
    Trained again = train(recipe(10, List.of("run.recompute=block")), "again");
    assertEquals(kept.lines(), again.lines());
    assertEquals(kept.hashes(), again.hashes());
  }

  /** Scratch memory included; and recomputing takes less. */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.eqvae.testing.Devices#kernels")
  void thePeakOnTheDeviceIsThePlannedOne(String device) throws Exception {
    List<Long> planned = new ArrayList<>();
    for (String recompute : List.of("none", "block")) {
      GeneratorRecipe recipe =
          recipe(
              3,
              List.of(
                  "run.device=" + device,
                  "run.precision=bf16",
                  "run.recompute=" + recompute,
                  "alignment.coefficient=0.5",
                  "alignment.depth=2",
                  "alignment.width=3",
                  "alignment.hidden=8",
                  "model.depth=4"));
      try (Trainer<GeneratorTask> trainer = new Trainer<>(recipe);
          LatentData data = new LatentData(recipe)) {
        CheckpointStore store = new CheckpointStore(folder.resolve(recompute), 1);
        trainer.run(new LatentBatches(recipe, data), null, store, new TrainListener() {});
        MemoryPlan plan = trainer.plan();
        assertEquals(plan.deviceBytes(), trainer.memory().peakBytes(), plan::text);
        assertTrue(plan.evaluationBytes() > 0);
        planned.add(plan.stepBytes());
      }
    }
    assertTrue(planned.get(1) < planned.get(0), planned::toString);
  }

  /** It is in the log beside the loss, counts in the total, and is learned. */
  @Test
  void tokensLearnTheFeatures() throws Exception {
    Trained trained = train(recipe(200, TinyLatents.alignment("model.kind=sit")), "run");
    Map<String, Double> last = trained.losses().getLast();
    double early = mean(trained.losses(), 0, 20, "alignment");
    double late = mean(trained.losses(), 150, 200, "alignment");
    assertTrue(late < early - 0.3, "the cosine goes up: from " + early + " to " + late);
    assertEquals(last.get("mse") + 0.5 * last.get("alignment"), last.get("total"), 1e-9);
  }

  /** Without alignment nothing changes; with it the network starts from the same weights. */
  @Test
  void theAlignmentIsAllThatDiffers() throws Exception {
    List<Map<String, Double>> plain = train(recipe(1, List.of("model.kind=sit")), "a").losses();
    List<Map<String, Double>> aligned =
        train(recipe(1, TinyLatents.alignment("model.kind=sit")), "b").losses();
    assertEquals(plain.getFirst().get("mse"), aligned.getFirst().get("mse"));
    assertEquals(
        plain.getFirst().get(QuarterLosses.name(1)), aligned.getFirst().get(QuarterLosses.name(1)));
  }

  @Test
  void targetsOfMirroredPicturesAreTheirOwn() throws Exception {
    GeneratorRecipe recipe = recipe(1, TinyLatents.alignment("model.kind=sit"));
    try (Trainer<GeneratorTask> trainer = new Trainer<>(recipe);
        LatentData data = new LatentData(recipe)) {
      HostBatch batch = new HostBatch(trainer.task().batch());
      LatentBatches batches = new LatentBatches(recipe, data);
      int seen = 0;
      for (int b = 0; b < 50; b++) {
        batches.load(b, batch);
        float[] moments = batch.floats(GeneratorTask.MOMENTS);
        float[] features = batch.floats(GeneratorTask.FEATURES);
        int each = moments.length / 4;
        for (int i = 0; i < 4; i++) {
          boolean top =
              moments[i * each + 2 * 2 * TinyLatents.CHANNELS] > 0 && moments[i * each] > 0;
          boolean left = !top && moments[i * each] > 0;
          boolean right = !top && !left && moments[i * each + 3 * 2 * TinyLatents.CHANNELS] > 0;
          int feature = features[i * 12] != 0 ? 0 : features[i * 12 + 1] != 0 ? 1 : 2;
          assertEquals(top ? 2 : left ? 0 : 1, feature);
          seen += left || right ? 1 : 0;
        }
      }
      assertTrue(seen > 60);
    }
  }

  /** A batch depends on its number alone; labels are hidden as often as asked. */
  @Test
  void batchesArePureFunctionsOfTheirNumber() throws Exception {
    GeneratorRecipe recipe = recipe(1, List.of("run.batch_size=8"));
    try (Trainer<GeneratorTask> trainer = new Trainer<>(recipe);
        LatentData data = new LatentData(recipe)) {
      HostBatch a = new HostBatch(trainer.task().batch());
      HostBatch b = new HostBatch(trainer.task().batch());
      new LatentBatches(recipe, data).load(30, a);
      LatentBatches walked = new LatentBatches(recipe, data);
      int hidden = 0;
      for (int i = 0; i < 200; i++) {
        walked.load(i, b);
        for (int label : b.ints(GeneratorTask.LABELS)) {
          hidden += label == TinyLatents.CLASSES ? 1 : 0;
        }
      }
      walked.load(30, b);
      for (String field : List.of(GeneratorTask.MOMENTS, GeneratorTask.TIMES, GeneratorTask.ROWS)) {
        assertArrayEquals(a.floats(field), b.floats(field), field);
      }
      assertArrayEquals(a.ints(GeneratorTask.LABELS), b.ints(GeneratorTask.LABELS));
      // 1600 labels, hidden with a probability of 0.2: 320 ± 5 · 16.
      assertEquals(320, hidden, 80);
      // What the network sees: blobs of ±1, with a deviation of 0.1.
      float[] moments = a.floats(GeneratorTask.MOMENTS);
      assertEquals(1, Math.abs(moments[0]), 0.5);
      assertEquals(2 * Math.log(0.1), moments[TinyLatents.CHANNELS], 1e-5);
    }
  }
}
