package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.train.BatchSource;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.run.RunObserver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fine-tuning: a recipe whose training starts from a checkpoint. */
class InitialWeightsTest {
  @TempDir Path folder;

  private AutoencoderRecipe recipe;
  private Path checkpoint;
  private float[] weights;

  @BeforeEach
  void aTrainedModel() throws IOException {
    recipe = recipe(TinyRun.recipe(TinyRun.images(folder), 4, 1000));
    checkpoint = folder.resolve("start.safetensors");
    try (Trainer<AutoencoderTask> other = new Trainer<>(recipe.with("run.seed=99"))) {
      weights = weights(other);
      ModelFile.save(checkpoint, other.task().vae().parameters(), other.stream(), Map.of());
    }
  }

  private AutoencoderRecipe recipe(String yaml) throws IOException {
    return AutoencoderRecipe.read(Files.writeString(folder.resolve("tiny.yaml"), yaml), List.of());
  }

  private static float[] weights(Trainer<AutoencoderTask> trainer) {
    return trainer.task().vae().parameters().values().toFloats(trainer.stream());
  }

  private AutoencoderRecipe startingFrom(Path file) {
    return recipe.with("model.init_from=" + file);
  }

  @Test
  void trainingStartsFromTheCheckpoint() throws IOException {
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(startingFrom(checkpoint))) {
      assertFalse(Arrays.equals(weights, weights(trainer)), "the seeds differ");
      trainer.initialize();
      assertArrayEquals(weights, weights(trainer));
      assertTrue(trainer.useAverage());
      assertArrayEquals(weights, weights(trainer), "the average starts there, too");
    }
  }

  @Test
  void discreteModelsStartFromTheirs() throws IOException {
    AutoencoderRecipe discrete =
        AutoencoderRecipe.read(folder.resolve("tiny.yaml"), TinyRun.discrete());
    Path file = folder.resolve("discrete.safetensors");
    float[] expected;
    try (Trainer<AutoencoderTask> other = new Trainer<>(discrete.with("run.seed=99"))) {
      expected = weights(other);
      ModelFile.save(file, other.task().vae().parameters(), other.stream(), Map.of());
    }
    try (Trainer<AutoencoderTask> trainer =
        new Trainer<>(discrete.with("model.init_from=" + file))) {
      trainer.initialize();
      assertArrayEquals(expected, weights(trainer));
    }
    AutoencoderRecipe wrong = discrete.with("model.quantize.n_embed=25", "model.init_from=" + file);
    EqvaeException e =
        assertThrows(EqvaeException.Argument.class, () -> InitialWeights.check(wrong));
    assertTrue(e.getMessage().contains("codebook size"), e.getMessage());
    assertThrows(
        EqvaeException.Argument.class,
        () -> InitialWeights.check(discrete.with("model.init_from=" + checkpoint)));
  }

  @Test
  void otherEdgesAreSaid() throws IOException {
    assertEquals(List.of(), InitialWeights.check(startingFrom(checkpoint)));
    AutoencoderRecipe reflecting = startingFrom(checkpoint).with("model.padding_mode=reflect");
    String note = InitialWeights.check(reflecting).getFirst();
    assertTrue(note.contains("this run uses reflect"), note);
    Path reflected = folder.resolve("reflected.safetensors");
    try (Trainer<AutoencoderTask> other = new Trainer<>(reflecting)) {
      Map<String, String> metadata = Map.of("padding_mode", "reflect");
      ModelFile.save(reflected, other.task().vae().parameters(), other.stream(), metadata);
    }
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> InitialWeights.check(startingFrom(reflected)));
    assertTrue(e.getMessage().contains("padding_mode"), e.getMessage());
  }

  /** A run does it by itself, and one that goes on does not do it again. */
  @Test
  void aResumedRunDoesNotStartAgain() throws IOException {
    AutoencoderRecipe tuned = startingFrom(checkpoint);
    CheckpointStore store = new CheckpointStore(folder.resolve("checkpoints"), 2);
    BatchSource batches = ImageBatches.of((index, images) -> Arrays.fill(images, index * 0.1f));
    float[] trained;
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(tuned)) {
      trainer.run(batches, null, store, new TrainListener() {});
      trained = weights(trainer);
    }
    try (Trainer<AutoencoderTask> scratch = new Trainer<>(recipe)) {
      scratch.run(
          batches, null, new CheckpointStore(folder.resolve("scratch"), 2), new TrainListener() {});
      assertFalse(Arrays.equals(trained, weights(scratch)), "the start made no difference");
    }
    Files.delete(checkpoint);
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(tuned)) {
      trainer.resume(store.latest().checkpoint().orElseThrow());
      trainer.initialize();
      assertArrayEquals(trained, weights(trainer));
    }
  }

  @Test
  void aMissingCheckpointIsNamedWithItsKey() {
    AutoencoderRecipe wrong = startingFrom(folder.resolve("none"));
    EqvaeException e =
        assertThrows(EqvaeException.Argument.class, () -> InitialWeights.check(wrong));
    assertTrue(e.getMessage().startsWith("model.init_from: there is nothing at "), e.getMessage());
  }

  @Test
  void missingWeightsOfLpipsSayHowToTrainWithoutThem() {
    AutoencoderRecipe rgb =
        recipe.with(
            "model.in_channels=3",
            "model.out_ch=3",
            "data.channels=3",
            "objective.equivariance_probability=0",
            "objective.low_resolution_prior_probability=0");
    String used = refusal(rgb, "objective.perceptual_weight=1");
    assertTrue(used.endsWith("set this to null and objective.perceptual_weight to 0"), used);
    String measured = refusal(rgb, "objective.perceptual_weight=0");
    assertTrue(measured.endsWith("null leaves it out"), measured);
  }

  private static String refusal(AutoencoderRecipe recipe, String weight) {
    AutoencoderRecipe missing = recipe.with(weight, "objective.lpips_weights=none");
    return assertThrows(
            EqvaeException.Argument.class, () -> new AutoencoderWorkload(missing, RunObserver.NONE))
        .getMessage();
  }

  @Test
  void anotherArchitectureIsNamed() {
    AutoencoderRecipe wrong =
        startingFrom(checkpoint).with("model.z_channels=3", "model.ch_mult=[1, 1]");
    EqvaeException e =
        assertThrows(EqvaeException.Argument.class, () -> InitialWeights.check(wrong));
    for (String part :
        List.of(
            "model.init_from",
            "z_channels: the recipe has 3, the checkpoint 2",
            "block_out_channels: the recipe has [8, 8], the checkpoint [8, 16]")) {
      assertTrue(e.getMessage().contains(part), "missing '" + part + "' in " + e.getMessage());
    }
  }

  @Test
  void otherGroupsAreNamed() throws IOException {
    try (Trainer<AutoencoderTask> other = new Trainer<>(recipe)) {
      ModelFile.save(
          checkpoint,
          other.task().vae().parameters(),
          other.stream(),
          Map.of("norm_num_groups", "2"));
    }
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> InitialWeights.check(startingFrom(checkpoint)));
    assertTrue(
        e.getMessage().contains("norm_num_groups: the recipe has 4, the checkpoint 2"),
        e.getMessage());
  }
}
