package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Dropout in front of LPIPS' heads in a run. One batch comes again and again, nothing else is
 * drawn, and the rate is too small to change a weight: what differs between steps is the dropout.
 */
class LpipsDropoutTrainingTest {
  private static final String DROPOUT = "objective.terms.lpips_dropout=true";

  @TempDir Path folder;

  @BeforeEach
  void weights() throws IOException {
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        Lpips lpips = new Lpips(64, stream, 5)) {
      ModelFile.save(folder.resolve("lpips"), lpips.parameters(), stream, Map.of());
    }
  }

  private AutoencoderRecipe recipe(String... more) throws IOException {
    List<String> overrides =
        new ArrayList<>(
            List.of(
                "model.in_channels=3",
                "objective.perceptual_weight=1",
                "objective.lpips_weights=" + folder.resolve("lpips"),
                "objective.gan.enabled=false",
                "objective.equivariance_probability=0",
                "objective.low_resolution_prior_probability=0",
                "objective.terms.sample_posterior=false",
                "optimizer.learning_rate=1e-30",
                "optimizer.accumulate=1",
                "run.log_every=1",
                "run.validate_every=3"));
    overrides.addAll(Arrays.asList(more));
    return AutoencoderRecipe.parse(
        TinyRun.recipe(TinyRun.images(folder), 3, 1000), "tiny", overrides);
  }

  /** Trains and returns what LPIPS was in each step. */
  private List<Object> perceptual(String name, boolean resume, String... more) throws IOException {
    RunFolder run = new RunFolder(folder.resolve(name));
    try (TrainingRun<AutoencoderTask> training =
        TrainingRun.open(recipe(more), run, RunObserver.NONE).overfitBatch(true)) {
      training.begin(resume);
      training.train();
    }
    return events(name, "step").stream().map(e -> e.get("perceptual")).toList();
  }

  private List<Map<String, Object>> events(String run, String kind) throws IOException {
    return RunLog.read(new RunFolder(folder.resolve(run)).metrics()).stream()
        .filter(e -> kind.equals(e.get("event")))
        .toList();
  }

  @Test
  void itIsDrawnAnewInEveryStepAndOffUnlessAskedFor() throws IOException {
    List<Object> plain = perceptual("plain", false);
    assertEquals(3, plain.size());
    assertEquals(1, new HashSet<>(plain).size(), "without it every step is the same: " + plain);
    List<Object> dropped = perceptual("dropped", false, DROPOUT);
    assertEquals(3, new HashSet<>(dropped).size(), "the same for every step: " + dropped);
    assertNotEquals(plain.getFirst(), dropped.getFirst());
    assertEquals(dropped, perceptual("again", false, DROPOUT), "the same seed");
    // A run that goes on draws what one would have that never stopped.
    perceptual("parts", false, DROPOUT, "run.steps=2");
    assertEquals(dropped, perceptual("parts", true, DROPOUT));
  }

  @Test
  @Tag("full")
  void figuresAreMeasuredWithoutIt() throws IOException {
    List<Double> distances = new ArrayList<>();
    for (String dropout : List.of(DROPOUT, DROPOUT.replace("true", "false"))) {
      AutoencoderRecipe recipe = recipe(dropout, "run.steps=1");
      AutoencoderWorkload workload = recipe.workload(RunObserver.NONE);
      RunFolder run = new RunFolder(folder.resolve("figures" + distances.size()));
      try (TrainingRun<AutoencoderTask> training =
          new TrainingRun<>(recipe, workload, run, RunObserver.NONE)) {
        for (int i = 0; i < 2; i++) {
          distances.add(workload.evaluate(training).evaluation().lpips().orElseThrow());
        }
      }
    }
    assertEquals(1, new HashSet<>(distances).size(), distances.toString());
  }
}
