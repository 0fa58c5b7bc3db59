package io.github.eqvae.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.data.Loader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryPlanTest {
  @TempDir Path folder;

  /** What was planned is reserved before the first step; no step needs more. */
  @Test
  void noStepNeedsMoreThanWasPlanned() throws Exception {
    for (String extra :
        List.of("run.recompute=none", "run.recompute=block", "objective.draw=sample")) {
      Recipe recipe =
          RecipeReader.parse(
              TinyRun.recipe(TinyRun.images(folder), 80, 1000), "tiny", List.of(extra));
      List<Long> used = new ArrayList<>();
      try (Trainer trainer = new Trainer(recipe);
          Loader loader = new Datasets(recipe, (n, c) -> {}).training(0)) {
        trainer.run(
            (index, images) ->
                System.arraycopy(loader.next().pixels(), 0, images, 0, images.length),
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

  @Test
  void recomputingPlansLess() throws Exception {
    String yaml = TinyRun.recipe(TinyRun.images(folder), 10, 1000);
    List<String> wide = List.of("model.ch=32", "run.batch_size=16");
    MemoryPlan whole = MemoryPlan.of(RecipeReader.parse(yaml, "tiny", wide));
    List<String> less = new ArrayList<>(wide);
    less.add("run.recompute=block");
    MemoryPlan recomputed = MemoryPlan.of(RecipeReader.parse(yaml, "tiny", less));
    assertTrue(
        recomputed.stepBytes() < 0.8 * whole.stepBytes(),
        recomputed.stepBytes() + " against " + whole.stepBytes());
    assertTrue(whole.text().contains("MiB"), whole.text());
  }
}
