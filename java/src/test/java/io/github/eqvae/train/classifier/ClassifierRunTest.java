package io.github.eqvae.train.classifier;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.generator.checkpoint.ClassifierFiles;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.model.ImageClassifier;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.RecordingObserver;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs of both kinds of classifiers, from pictures to the model's file. */
class ClassifierRunTest {
  private static final int SIDE = 8;
  private static final String RECIPE =
      """
      task: classifier
      model: {kind: %s, width: 8, %s classes: 2}
      data: {path: %s, resolution: 8, channels: 1, validation: 16, flip: false}
      optimizer: {learning_rate: 1e-2, betas: [0.9, 0.99]}
      run: {steps: 40, batch_size: 8, threads: 1, log_every: 1, save_every: 0}
      """;

  @TempDir Path folder;
  private Path pictures;

  /** Pictures that are brighter at the top, or at the bottom. */
  @BeforeEach
  void draw() throws IOException {
    pictures = folder.resolve("pictures");
    Random random = new Random(3);
    for (int i = 0; i < 48; i++) {
      byte[] data = new byte[SIDE * SIDE];
      for (int p = 0; p < data.length; p++) {
        boolean bright = p < data.length / 2 == (i % 2 == 0);
        data[p] = (byte) (random.nextInt(128) + (bright ? 100 : 0));
      }
      Path label = Files.createDirectories(pictures.resolve(i % 2 == 0 ? "top" : "bottom"));
      Images.writePng(label.resolve("p%02d.png".formatted(i)), new Image(SIDE, SIDE, 1, data));
    }
  }

  private ClassifierRecipe recipe(String kind, String... settings) {
    String shape = kind.equals("vit") ? "depth: 1, heads: 2, patch: 4," : "";
    return RecipeReader.parse(
        RECIPE.formatted(kind, shape, pictures),
        "tiny",
        List.of(settings),
        List.of(ClassifierRecipe.KIND));
  }

  private Path train(ClassifierRecipe recipe, String name, boolean resume) throws Exception {
    RunFolder run = new RunFolder(folder.resolve(name));
    try (TrainingRun<ClassifierTask> training =
        TrainingRun.open(recipe, run, new RecordingObserver(new ArrayList<>()))) {
      training.begin(resume);
      assertEquals(Trainer.End.FINISHED, training.train());
      training.finish();
    }
    return run.model();
  }

  @ParameterizedTest
  @ValueSource(strings = {"convolutional", "vit"})
  void itLearnsAndAResumedRunHasTheSameBits(String kind) throws Exception {
    Path whole = train(recipe(kind), "whole", false);
    double right =
        new ObjectMapper()
            .readTree(whole.resolveSibling("evaluation.json").toFile())
            .path("accuracy")
            .asDouble();
    assertTrue(right > 0.9, "right for " + right + ", by chance it is 0.5");
    train(recipe(kind, "run.steps=15"), "parts", false);
    Path parts = train(recipe(kind), "parts", true);
    assertArrayEquals(Files.readAllBytes(whole), Files.readAllBytes(parts));
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        ImageClassifier network = ClassifierFiles.load(whole, stream)) {
      assertEquals(recipe(kind).config(), network.config());
    }
  }

  /** Nothing is allocated while a step is captured, and the captured one has the same bits. */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("io.github.eqvae.testing.Devices#kernels")
  void capturedStepsHaveTheBitsOfSingleOperations(String device) throws Exception {
    String[] settings = {"run.device=" + device, "run.steps=4", "run.graphs=auto"};
    Path graphs = train(recipe("vit", settings), "graphs", false);
    settings[2] = "run.graphs=off";
    Path single = train(recipe("vit", settings), "single", false);
    assertArrayEquals(Files.readAllBytes(graphs), Files.readAllBytes(single));
  }

  /** What a block computes again is what it computed before. */
  @Test
  void recomputingChangesNothing() throws Exception {
    Path kept = train(recipe("vit", "run.steps=5"), "kept", false);
    Path again = train(recipe("vit", "run.steps=5", "run.recompute=block"), "again", false);
    assertArrayEquals(Files.readAllBytes(kept), Files.readAllBytes(again));
  }
}
