package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.serve.Generator;
import io.github.eqvae.serve.Latents;
import io.github.eqvae.serve.SamplingOptions;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every kind of generator learns to make what its labels ask for, and its file says how. */
@Tag("full")
class LearnedClassesTest {
  private static final int STEPS = 800;
  private static final int EACH = 8;
  private static final int COUNT = EACH * TinyLatents.CLASSES;

  /** Latents are ±1, with a deviation of 0.14, and two classes differ by 1.4 or 2. */
  private static final double RECOGNISED = 0.5;

  @TempDir private Path folder;

  static Stream<List<String>> kinds() {
    return Stream.of(
        List.of("model.kind=sit"),
        TinyLatents.lightning(),
        TinyLatents.alignment("model.kind=repa"),
        // The error of the noise says little of the class: it is learned late.
        List.of("model.kind=dit", "run.steps=2500", "run.batch_size=32"));
  }

  private Path train(List<String> kind) throws Exception {
    List<String> settings = new ArrayList<>(kind);
    settings.addAll(
        List.of(
            "data.flips=false", // mirrored, left is right
            "optimizer.accumulate=1",
            "optimizer.learning_rate=1e-2",
            "run.batch_size=16",
            "run.ema_decay=0.95",
            "run.validate_every=0",
            "run.sample_every=0",
            "run.save_every=0"));
    Path latents = TinyLatents.aligned(folder);
    GeneratorRecipe recipe =
        GeneratorRecipe.parse(TinyLatents.recipe(latents, STEPS, 0), "tiny", settings);
    RunFolder run = new RunFolder(folder.resolve("run"));
    try (TrainingRun<GeneratorTask> training = TrainingRun.open(recipe, run, RunObserver.NONE)) {
      training.begin(false);
      training.train();
      training.finish();
    }
    return run.path().resolve("model.safetensors");
  }

  /** How many of the samples are what their label says. */
  private static int recognised(Path model) throws Exception {
    int[] labels = new int[COUNT];
    for (int i = 0; i < COUNT; i++) {
      labels[i] = i % TinyLatents.CLASSES;
    }
    int right = 0;
    try (Device device = Device.open("cpu", 1);
        Generator generator = Generator.load(model, device)) {
      Latents samples = generator.sample(labels, 1, 0, SamplingOptions.defaults().withSteps(25));
      for (int i = 0; i < COUNT; i++) {
        right += distance(samples, i, labels[i]) < RECOGNISED ? 1 : 0;
      }
    }
    return right;
  }

  /** The root mean square of what a sample differs by from the mean of its class. */
  private static double distance(Latents samples, int sample, int label) {
    int each = TinyLatents.SIDE * TinyLatents.SIDE * TinyLatents.CHANNELS;
    double sum = 0;
    for (int i = 0; i < each; i++) {
      boolean bright = TinyLatents.bright(label, i / TinyLatents.CHANNELS, TinyLatents.SIDE);
      double off = samples.values()[sample * each + i] - (bright ? 1 : -1);
      sum += off * off;
    }
    return Math.sqrt(sum / each);
  }

  private static void requireMost(int right) {
    assertTrue(right >= COUNT * 3 / 4, right + " of " + COUNT);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void samplesHaveTheirClass(List<String> kind) throws Exception {
    requireMost(recognised(train(kind)));
  }

  /** And with another prediction in the file they are nothing. */
  @Test
  void samplesAreMadeAsTheFileSays() throws Exception {
    Path model =
        train(
            List.of(
                "model.kind=dit", "diffusion.prediction=velocity", "diffusion.schedule=cosine"));
    int right = recognised(model);
    requireMost(right);
    String said = "velocity\\\"";
    String bytes = Files.readString(model, StandardCharsets.ISO_8859_1);
    assertEquals(bytes.indexOf(said), bytes.lastIndexOf(said));
    Path other = folder.resolve("other.safetensors");
    String changed = bytes.replace(said, "epsilon\\\" ");
    assertNotEquals(bytes, changed);
    Files.writeString(other, changed, StandardCharsets.ISO_8859_1);
    assertTrue(recognised(other) < right / 2);
  }
}
