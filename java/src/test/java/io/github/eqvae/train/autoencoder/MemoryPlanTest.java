package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.data.Loader;
import io.github.eqvae.eval.Evaluator;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MemoryStats;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.MemoryPlan;
import io.github.eqvae.train.StepReport;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("full")
class MemoryPlanTest {
  @TempDir Path folder;

  /** What was planned is reserved before the first step; no step needs more. */
  @Test
  void noStepNeedsMoreThanWasPlanned() throws Exception {
    for (String extra :
        List.of("run.recompute=none", "run.recompute=block", "objective.draw=sample")) {
      AutoencoderRecipe recipe =
          AutoencoderRecipe.parse(
              TinyRun.recipe(TinyRun.images(folder), 80, 1000), "tiny", List.of(extra));
      List<Long> used = new ArrayList<>();
      try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe);
          Loader loader = new Datasets(recipe, (n, c) -> {}).training(0)) {
        trainer.run(
            ImageBatches.of(
                (index, images) ->
                    System.arraycopy(loader.next().pixels(), 0, images, 0, images.length)),
            null,
            new CheckpointStore(folder.resolve(extra), 1),
            new TrainListener() {
              @Override
              public void step(StepReport report) {
                used.add(trainer.memory().liveBytes());
              }
            });
      }
      assertEquals(80, used.size());
      if (!extra.contains("draw")) { // which groups a batch falls into is not known beforehand
        assertEquals(used.getFirst(), used.getLast(), extra + ": memory grew after the first step");
      }
    }
  }

  /**
   * What is planned for validation is what it takes, and no more images than a batch go at once.
   */
  @Test
  void evaluationTakesWhatWasPlanned() throws Exception {
    AutoencoderRecipe recipe =
        AutoencoderRecipe.parse(
            TinyRun.recipe(TinyRun.images(folder), 2, 1000),
            "tiny",
            List.of("evaluation.batch=256", "evaluation.images=512"));
    List<Integer> angles = recipe.evaluation().angles();
    List<Double> scales = recipe.evaluation().scales();
    MemoryPlan plan = MemoryPlan.of(recipe);
    float[] x = new float[512 * 16 * 16];
    long planned = plan.betweenStepsBytes();
    assertTrue(plan.stepBytes() >= planned, "validation has its room in the steps' memory");
    assertEquals(0, plan.evaluationBytes());
    try (Device device = Device.open("cpu");
        io.github.eqvae.tensor.Stream stream = new io.github.eqvae.tensor.Stream(device);
        Autoencoder vae = recipe.model().build(stream, 0, false);
        TensorArena arena = new TensorArena(device, "step");
        TensorArena less = new TensorArena(device, "less")) {
      arena.reserve(planned);
      less.reserve(planned / 2);
      long halfBefore = less.capacity();
      long before = arena.capacity();
      try (Evaluator evaluator = Evaluator.in(vae, null, stream, arena)) {
        evaluator.measure(x, 512, 16, 256, angles, scales);
        evaluator.reconstruct(x, 512, 16);
      }
      assertEquals(before, arena.capacity());
      assertEquals(0, arena.used());
      try (Evaluator evaluator = Evaluator.in(vae, null, stream, less)) {
        evaluator.measure(x, 512, 16, 256, angles, scales);
      }
      assertTrue(less.capacity() > halfBefore, "half of it is enough");
    }
  }

  /**
   * On the kernels' devices everything is planned, scratch memory included: what a run uses at its
   * peak is what was said, and after the first step nothing is allocated.
   */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.eqvae.testing.Devices#kernels")
  void thePeakOnTheDeviceIsThePlannedOne(String name) throws Exception {
    AutoencoderRecipe recipe =
        AutoencoderRecipe.parse(
            TinyRun.recipe(TinyRun.images(folder), name.equals("simt") ? 6 : 2, 1000),
            "tiny",
            List.of(
                "run.device=" + name,
                "run.precision=bf16",
                "run.batch_size=2",
                "optimizer.accumulate=1",
                "objective.scaling=isotropic",
                "objective.gan.disc_start=0",
                "data.pad=4",
                "model.resolution=24"));
    List<MemoryStats> used = new ArrayList<>();
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe);
        Loader loader = new Datasets(recipe, (n, c) -> {}).training(0)) {
      long planned = trainer.plan().deviceBytes();
      trainer.run(
          ImageBatches.of(
              (index, images) ->
                  System.arraycopy(loader.next().pixels(), 0, images, 0, images.length)),
          null,
          new CheckpointStore(folder.resolve("peak"), 1),
          new TrainListener() {
            @Override
            public void step(StepReport report) {
              used.add(trainer.memory());
            }
          });
      assertEquals(planned, used.getLast().peakBytes(), trainer.plan()::text);
      assertEquals(1, used.stream().distinct().count(), used::toString);
      assertTrue(trainer.plan().scratchBytes() > 0);
    }
  }

  /** A plan for a GPU needs none. */
  @Test
  void aGpuIsPlannedForWhereThereIsNone() throws Exception {
    String yaml = TinyRun.recipe(TinyRun.images(folder), 10, 1000);
    MemoryPlan plan =
        MemoryPlan.of(AutoencoderRecipe.parse(yaml, "tiny", List.of("run.device=cuda")));
    assertTrue(plan.scratchBytes() > 0 && plan.deviceBytes() > plan.scratchBytes(), plan::text);
    assertTrue(plan.text().contains("multiprocessors"), plan::text);
    MemoryPlan cpu = MemoryPlan.of(AutoencoderRecipe.parse(yaml, "tiny", List.of()));
    assertEquals(0, cpu.scratchBytes());
    assertTrue(cpu.text().contains("not known beforehand"), cpu::text);
  }

  @Test
  void recomputingPlansLess() throws Exception {
    String yaml = TinyRun.recipe(TinyRun.images(folder), 10, 1000);
    List<String> wide = List.of("model.ch=32", "run.batch_size=16");
    MemoryPlan whole = MemoryPlan.of(AutoencoderRecipe.parse(yaml, "tiny", wide));
    List<String> less = new ArrayList<>(wide);
    less.add("run.recompute=block");
    MemoryPlan recomputed = MemoryPlan.of(AutoencoderRecipe.parse(yaml, "tiny", less));
    assertTrue(
        recomputed.stepBytes() < 0.8 * whole.stepBytes(),
        recomputed.stepBytes() + " against " + whole.stepBytes());
    assertTrue(whole.text().contains("MiB"), whole.text());
  }
}
