package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.testing.CheckpointHashes;
import io.github.eqvae.train.recipe.ShippedRecipes;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs of the small shipped recipes, at their size, end with the same bits on any threads. */
@Tag("full")
class SmallRunsThreadsTest {
  private static final int STEPS = 36;
  private static final int LATENTS = 640;
  private static final int SIDE = 16;

  /** Weights, two moments, the average. */
  private static final int FILES = 4;

  @TempDir private Path folder;

  private Map<String, String> run(String recipe, Path latents, int threads) throws Exception {
    GeneratorRecipe shortened =
        GeneratorRecipe.read(
            ShippedRecipes.resolve(Path.of(recipe)),
            List.of(
                "data.path=" + latents,
                "data.validation=64",
                "run.steps=" + STEPS,
                "run.threads=" + threads,
                "run.validate_every=12",
                "run.sample_every=18",
                "run.save_every=" + STEPS,
                "samples.count=10",
                "samples.steps=4"));
    RunFolder run = new RunFolder(folder.resolve(recipe + threads));
    try (TrainingRun<GeneratorTask> training = TrainingRun.open(shortened, run, RunObserver.NONE)) {
      training.begin(false);
      training.train();
    }
    return CheckpointHashes.latest(run.path(), FILES);
  }

  @ParameterizedTest
  @ValueSource(strings = {"dit-small", "sit-small"})
  void threadsChangeNoBit(String recipe) throws Exception {
    Path latents =
        TinyLatents.folder(
            folder.resolve("latents"),
            new TinyLatents.Options(
                LATENTS, Content.MOMENTS, true, true, ShardFormat.SAFETENSORS, 2, false, 1, SIDE));
    assertEquals(run(recipe, latents, 1), run(recipe, latents, 2));
  }
}
