package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.VqModel;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.RecipeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code model.quantize.init}: codes that start at latents of the first batch. */
class CodebookStartTest {
  private static final ImageBatches NOISE =
      (index, images) -> {
        Random random = new Random(index);
        for (int i = 0; i < images.length; i++) {
          images[i] = random.nextFloat() * 2 - 1;
        }
      };

  @TempDir Path folder;

  private AutoencoderRecipe recipe;

  @BeforeEach
  void recipe() throws IOException {
    Path file = folder.resolve("tiny.yaml");
    Files.writeString(file, TinyRun.recipe(TinyRun.images(folder), 1, 1000));
    List<String> settings = new ArrayList<>(TinyRun.discrete());
    // Too small to move a weight: what is there after a step was there before it.
    settings.addAll(List.of("optimizer.learning_rate=1e-30", "model.quantize.init=data"));
    recipe = AutoencoderRecipe.read(file, settings);
  }

  private CheckpointStore store(String name) {
    return new CheckpointStore(folder.resolve(name), 2);
  }

  private static List<Float> row(float[] values, int i, int width) {
    List<Float> row = new ArrayList<>();
    for (int k = 0; k < width; k++) {
      row.add(values[i * width + k]);
    }
    return row;
  }

  /** Rows of the codebook that are latents of the first batch, of how many that differ. */
  private void count(Trainer<AutoencoderTask> trainer, int expected) {
    VqModel vq = (VqModel) trainer.task().vae();
    int codes = vq.codebook().shape().size(0);
    int width = vq.codebook().shape().size(1);
    Set<List<Float>> latents = new HashSet<>();
    try (TensorArena arena = new TensorArena(trainer.stream().device(), "latents")) {
      Tensor x = arena.tensor(Shape.of(recipe.run().batchSize(), 16, 16, 1));
      float[] images = new float[Math.toIntExact(x.shape().elements())];
      try {
        NOISE.load(0, images);
      } catch (IOException e) {
        throw new AssertionError(e);
      }
      x.set(trainer.stream(), images);
      Tape tape = new Tape(trainer.stream(), arena, Tape.Mode.INFERENCE);
      float[] z = vq.encode(tape, x).toFloats(trainer.stream());
      for (int i = 0; i < z.length / width; i++) {
        latents.add(row(z, i, width));
      }
    }
    float[] codebook = vq.codebook().value().toFloats(trainer.stream());
    Set<List<Float>> found = new HashSet<>();
    for (int i = 0; i < codes; i++) {
      found.add(row(codebook, i, width));
    }
    assertEquals(codes, found.size(), "codes start alike");
    found.retainAll(latents);
    assertEquals(expected, found.size());
  }

  @Test
  void codesStartAtLatentsOfTheFirstBatch() throws IOException {
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe)) {
      trainer.run(ImageBatches.of(NOISE), null, store("data"), new TrainListener() {});
      count(trainer, 24);
      float[] codebook =
          ((VqModel) trainer.task().vae()).codebook().value().toFloats(trainer.stream());
      assertTrue(trainer.useAverage());
      assertArrayEquals(
          codebook,
          ((VqModel) trainer.task().vae()).codebook().value().toFloats(trainer.stream()),
          1e-6f, // the average rounds
          "the average starts there, too");
    }
    try (Trainer<AutoencoderTask> trainer =
        new Trainer<>(recipe.with("model.quantize.init=uniform"))) {
      trainer.run(ImageBatches.of(NOISE), null, store("uniform"), new TrainListener() {});
      count(trainer, 0);
    }
  }

  @Test
  void codesOfACheckpointStay() throws IOException {
    Path start = folder.resolve("start.safetensors");
    float[] expected;
    try (Trainer<AutoencoderTask> other = new Trainer<>(recipe.with("run.seed=99"))) {
      expected = other.task().vae().parameters().values().toFloats(other.stream());
      ModelFile.save(start, other.task().vae().parameters(), other.stream(), Map.of());
    }
    try (Trainer<AutoencoderTask> trainer =
        new Trainer<>(recipe.with("model.init_from=" + start))) {
      trainer.run(ImageBatches.of(NOISE), null, store("tuned"), new TrainListener() {});
      assertArrayEquals(
          expected, trainer.task().vae().parameters().values().toFloats(trainer.stream()), 1e-20f);
    }
  }

  @Test
  void aBatchWithFewerLatentsThanCodesIsRefused() {
    RecipeException e =
        assertThrows(RecipeException.class, () -> recipe.with("model.quantize.n_embed=4096"));
    assertTrue(e.getMessage().contains("model.quantize.init"), e.getMessage());
    assertTrue(e.getMessage().contains("run.batch_size"), e.getMessage());
  }
}
