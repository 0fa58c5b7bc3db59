package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.data.Loader;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.checkpoint.Blob;
import io.github.eqvae.train.checkpoint.Checkpoint;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.RecipeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs of the time when eqvae trained nothing but autoencoders can be resumed: their recipes do not
 * say what they train, and their checkpoints have other names. Both are written out here, since
 * names that the code makes would follow any change of it.
 */
class EarlierRunTest {
  private static final Set<String> BLOBS =
      Set.of(
          "vae.weights",
          "vae.adam_m",
          "vae.adam_v",
          "vae.ema",
          "discriminator.weights",
          "discriminator.adam_m",
          "discriminator.adam_v",
          "discriminator.buffer.main.3.running_mean",
          "discriminator.buffer.main.3.running_var");

  @TempDir Path folder;

  private AutoencoderRecipe recipe(int steps) throws Exception {
    return AutoencoderRecipe.parse(
        TinyRun.recipe(TinyRun.images(folder), steps, 1000), "tiny", List.of());
  }

  private Checkpoint train(AutoencoderRecipe recipe, String store) throws Exception {
    CheckpointStore checkpoints = new CheckpointStore(folder.resolve(store), 3);
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe)) {
      var latest = checkpoints.latest().checkpoint();
      if (latest.isPresent()) {
        trainer.resume(latest.get());
      }
      long first = trainer.step() * recipe.optimizer().accumulate();
      try (Loader loader = new Datasets(recipe, (name, cause) -> {}).training(first)) {
        ImageBatches images =
            (index, x) -> System.arraycopy(loader.next().pixels(), 0, x, 0, x.length);
        trainer.run(ImageBatches.of(images), null, checkpoints, new TrainListener() {});
      }
    }
    return checkpoints.latest().checkpoint().orElseThrow();
  }

  @Test
  void aCheckpointOfAnEarlierVersionIsGoneOnWithToTheSameBits() throws Exception {
    Map<String, String> undisturbed = TrainerTest.hashes(train(recipe(8), "whole").directory());
    Checkpoint now = train(recipe(5), "first");
    String yaml = recipe(5).toYaml();
    assertTrue(yaml.startsWith("task: autoencoder\n"), yaml);
    Map<String, Object> state = new LinkedHashMap<>();
    state.put("step", 5);
    state.put("optimizer_step", 5);
    state.put("discriminator_optimizer_step", 2); // it began at step 3
    state.put("ema_updates", 5);
    state.put("skipped_updates", 0);
    state.put("consecutive_skips", 0);
    state.put("dtype", "F32");
    state.put("recipe", yaml.substring(yaml.indexOf('\n') + 1));
    try (Arena arena = Arena.ofConfined()) {
      Map<String, Blob> blobs = new LinkedHashMap<>();
      for (String name : BLOBS) {
        MemorySegment host = arena.allocate(now.length(name), 64);
        now.read(name, host);
        blobs.put(name, Blob.of(host));
      }
      new CheckpointStore(folder.resolve("earlier"), 3).save(5, blobs, state);
    }
    Checkpoint end = train(recipe(8), "earlier");
    assertEquals(8, end.step());
    assertEquals(undisturbed, TrainerTest.hashes(end.directory()));
    assertEquals(BLOBS, Set.copyOf(end.names()));
  }

  @Test
  void aRecipeSaysWhatItTrainsOrDoesNot() throws Exception {
    String yaml = TinyRun.recipe(TinyRun.images(folder), 5, 1000);
    assertFalse(yaml.contains("task:"));
    AutoencoderRecipe silent = AutoencoderRecipe.parse(yaml, "r", List.of());
    assertEquals(silent, AutoencoderRecipe.parse("task: autoencoder\n" + yaml, "r", List.of()));
    assertEquals(silent, AutoencoderRecipe.parse(silent.toYaml(), "r", List.of()));
    RecipeException e =
        assertThrows(
            RecipeException.class,
            () -> AutoencoderRecipe.parse("task: dit\n" + yaml, "r", List.of()));
    assertEquals("r:1: task: found 'dit', expected autoencoder", e.getMessage());
  }
}
