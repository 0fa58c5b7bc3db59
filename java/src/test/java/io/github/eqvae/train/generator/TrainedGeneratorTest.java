package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.serve.Generator;
import io.github.eqvae.serve.GeneratorOptions;
import io.github.eqvae.serve.SamplingOptions;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that has not come to its end can be sampled, and any run's weights as last trained. */
class TrainedGeneratorTest {
  @TempDir private Path folder;
  private Path latents;
  private final Device device = Device.open("cpu");

  @BeforeEach
  void makeLatents() throws Exception {
    latents = TinyLatents.folder(folder);
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Path train(String name, String... settings) throws Exception {
    GeneratorRecipe recipe =
        GeneratorRecipe.parse(TinyLatents.recipe(latents, 8, 4), "tiny", List.of(settings));
    RunFolder run = new RunFolder(folder.resolve(name));
    RunObserver silent =
        new RunObserver() {
          @Override
          public void say(String text) {}

          @Override
          public void note(String text) {}
        };
    try (TrainingRun<GeneratorTask> training = TrainingRun.open(recipe, run, silent)) {
      training.begin(false);
      training.train();
      training.finish();
    }
    return run.path();
  }

  private Generator load(Path run, Weights weights) throws Exception {
    return Generator.load(run, device, GeneratorOptions.defaults().withWeights(weights));
  }

  private String refusal(Path run, Weights weights) {
    return assertThrows(EqvaeException.Argument.class, () -> load(run, weights)).getMessage();
  }

  @Test
  void theNewestCheckpointIsSampled() throws Exception {
    Path run = train("run");
    int[] labels = {0, 1, Generator.NO_LABEL};
    SamplingOptions options = SamplingOptions.defaults().withSteps(2);
    String average;
    String last;
    float[] samples;
    try (Generator g = load(run, Weights.AUTO)) {
      average = g.weightsHash();
      samples = g.sample(labels, 3, 0, options).values();
    }
    try (Generator g = load(run, Weights.MODEL)) {
      last = g.weightsHash();
      assertNotEquals(average, last);
      assertEquals(
          "the weights as last trained of step 8, its newest checkpoint",
          g.weightsNote().orElseThrow());
    }
    Files.delete(run.resolve("model.safetensors"));
    for (Weights weights : List.of(Weights.AUTO, Weights.EMA)) {
      try (Generator g = load(run, weights)) {
        assertEquals(average, g.weightsHash());
        assertEquals(
            "the average (EMA) of step 8, its newest checkpoint", g.weightsNote().orElseThrow());
        assertEquals("0123abcd", g.latents().orElseThrow().autoencoderSha256());
        assertEquals(0.5, g.latents().orElseThrow().scaling().scalingFactor());
        assertEquals(List.of("left", "right", "top"), g.classNames());
        assertArrayEquals(samples, g.sample(labels, 3, 0, options).values());
      }
    }
    try (Generator g = load(run, Weights.MODEL)) {
      assertEquals(last, g.weightsHash());
    }
    // Of a run that older versions began, and with a checkpoint that is not whole.
    Files.delete(run.resolve("generator.json"));
    Path weights = run.resolve("checkpoints/step-00000008/generator.ema");
    assertTrue(Files.exists(weights), () -> "there is no " + weights);
    Files.write(weights, new byte[3]);
    try (Generator g = load(run, Weights.AUTO)) {
      assertTrue(g.weightsNote().orElseThrow().contains("of step 4"), g.weightsNote()::toString);
      assertTrue(g.latents().isEmpty());
    }
  }

  @Test
  void whatIsNotThereIsSaid() throws Exception {
    Path run = train("plain", "run.ema_decay=null");
    Files.delete(run.resolve("model.safetensors"));
    String none = refusal(run, Weights.EMA);
    assertTrue(none.contains("keeps no average"), none);
    try (Generator g = load(run, Weights.AUTO)) {
      assertTrue(g.weightsNote().orElseThrow().contains("as last trained"));
    }
    Files.move(run.resolve("checkpoints"), folder.resolve("elsewhere"));
    String empty = refusal(run, Weights.AUTO);
    assertTrue(empty.contains("has no whole checkpoint yet"), empty);
    assertTrue(empty.contains("eqvae train --resume"), empty);
  }
}
