package io.github.eqvae.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeNode;
import io.github.eqvae.train.recipe.RecipeProblems;
import io.github.eqvae.train.recipe.RunRecipe;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The engine trains a task it has never heard of: resumes, plans, captures and skips. */
class EngineTest {
  @TempDir Path folder;

  private record ToyRecipe(RunRecipe run, OptimizerRecipe optimizer)
      implements TrainingRecipe<ToyTask> {
    static ToyRecipe of(String device, long steps) {
      Map<String, Object> run =
          Map.of("steps", steps, "ema_decay", 0.9, "device", device, "save_every", 0, "keep", 1);
      Map<String, Object> optimizer =
          Map.of("learning_rate", 0.05, "accumulate", 2, "gradient_clip", 0.5);
      return new ToyRecipe(RunRecipe.read(fields(run)), OptimizerRecipe.read(fields(optimizer)));
    }

    private static RecipeFields fields(Map<String, Object> values) {
      RecipeNode.Section root =
          (RecipeNode.Section) RecipeNode.of(values, new RecipeNode.Origin("toy", 0));
      return RecipeFields.root(root, new RecipeProblems(root));
    }

    @Override
    public String toYaml() {
      return "task: toy\n";
    }

    @Override
    public ToyTask task(Stream stream, boolean planned) {
      return new ToyTask(stream, run.seed());
    }
  }

  /** y = x₀ − 2x₁ + 3. */
  private static void load(long index, HostBatch batch) {
    float[] x = batch.floats("x");
    Random random = new Random(index);
    for (int i = 0; i < x.length; i++) {
      x[i] = 2 * random.nextFloat() - 1;
    }
    for (int n = 0; n < ToyTask.SAMPLES; n++) {
      batch.floats("y")[n] = x[n * ToyTask.FEATURES] - 2 * x[n * ToyTask.FEATURES + 1] + 3;
      batch.ints("labels")[n] = (int) (index + n);
    }
  }

  private record Trained(List<String> losses, float[] weights, MemoryPlan plan, long peak) {}

  private Trained train(ToyRecipe recipe, String name, BatchSource batches) throws Exception {
    List<String> losses = new ArrayList<>();
    CheckpointStore store = new CheckpointStore(folder.resolve(name), 1);
    try (Trainer<ToyTask> trainer = new Trainer<>(recipe)) {
      var latest = store.latest().checkpoint();
      if (latest.isPresent()) {
        trainer.resume(latest.get());
      }
      trainer.run(
          batches,
          null,
          store,
          new TrainListener() {
            @Override
            public void step(StepReport report) {
              losses.add(report.skipped() + " " + report.values());
              assertEquals(2 * ToyTask.SAMPLES, report.samples());
            }
          });
      if (latest.isEmpty()) {
        assertArrayEquals(new int[] {0, 1, 2, 3}, trainer.task().firstLabels);
      }
      trainer.useAverage();
      float[] weights = trainer.task().store.values().toFloats(trainer.stream());
      return new Trained(losses, weights, trainer.plan(), trainer.memory().peakBytes());
    }
  }

  static List<String> devices() {
    return Devices.computing();
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aTaskTrainsResumesAndIsPlanned(String device) throws Exception {
    Trained whole = train(ToyRecipe.of(device, 300), "whole", EngineTest::load);
    assertEquals(300, whole.losses().size());
    assertEquals(1, whole.weights()[0], 0.1);
    assertEquals(-2, whole.weights()[1], 0.1);
    Trained first = train(ToyRecipe.of(device, 120), "parts", EngineTest::load);
    Trained rest = train(ToyRecipe.of(device, 300), "parts", EngineTest::load);
    List<String> parts = new ArrayList<>(first.losses());
    parts.addAll(rest.losses());
    assertEquals(whole.losses(), parts);
    assertArrayEquals(whole.weights(), rest.weights());
    assertEquals(Map.of("regression", 4L), whole.plan().parameters());
    assertEquals("any", whole.plan().largest());
    assertTrue(whole.plan().stepBytes() > 0);
    if (whole.plan().scratchBytes() > 0) {
      assertEquals(whole.plan().deviceBytes(), whole.peak(), whole.plan()::text);
    }
  }

  @Test
  void whatIsNotFiniteIsSkippedAndEndsTheRunWithItsOwnError() throws Exception {
    BatchSource bad =
        (index, batch) -> {
          load(index, batch);
          if (index >= 20) {
            batch.floats("x")[1] = Float.NaN;
          }
        };
    EqvaeException.Diverged e =
        assertThrows(
            EqvaeException.Diverged.class, () -> train(ToyRecipe.of("cpu", 100), "bad", bad));
    assertTrue(e.getMessage().contains("the last 10 updates"), e.getMessage());
  }
}
