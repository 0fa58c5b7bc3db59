package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.generator.Alignment;
import io.github.eqvae.generator.checkpoint.AlignmentOrigin;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.serve.Generator;
import io.github.eqvae.serve.SamplingMethod;
import io.github.eqvae.serve.SamplingOptions;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A run with REPA from files to files: it says with what it is aligned, and its network samples.
 */
class AlignedRunTest {
  private static final Alignment SHAPE = new Alignment(1, 8, List.of(3));

  @TempDir Path folder;
  private Path latents;

  @BeforeEach
  void makeLatents() throws Exception {
    latents = TinyLatents.aligned(folder);
  }

  private Path train(int steps, String name, boolean resume, List<String> settings)
      throws Exception {
    GeneratorRecipe recipe =
        GeneratorRecipe.parse(TinyLatents.recipe(latents, steps, 10), "tiny", settings);
    RunFolder run = new RunFolder(folder.resolve(name));
    try (TrainingRun<GeneratorTask> training = TrainingRun.open(recipe, run, RunObserver.NONE)) {
      training.begin(resume);
      training.train();
      training.finish();
    }
    return run.path();
  }

  @Test
  void theRunAndItsModelSayWithWhat() throws Exception {
    List<String> repa = TinyLatents.alignment("model.kind=repa", "samples.sampler=sde");
    Path run = train(20, "run", false, repa);
    assertTrue(Files.readString(run.resolve("report.html")).contains("features of toy"));
    assertTrue(Files.readString(run.resolve("latents.json")).contains("a".repeat(64)));
    assertTrue(Files.exists(run.resolve("samples/step-00000010.png")));
    List<Map<String, Object>> log = RunLog.read(run.resolve("metrics.jsonl"));
    for (String event : List.of("step", "validation")) {
      double alignment =
          log.stream()
              .filter(l -> event.equals(l.get("event")))
              .mapToDouble(l -> ((Number) l.get("alignment")).doubleValue())
              .findFirst()
              .orElseThrow();
      assertTrue(alignment >= -1 && alignment <= 1, event);
    }
    assertTrue(
        new ObjectMapper().readTree(run.resolve("evaluation.json").toFile()).has("alignment"));
    Path model = run.resolve("model.safetensors");
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(model)) {
      assertEquals(Optional.of(SHAPE), read.alignment());
      assertEquals(
          Optional.of(new AlignmentOrigin(SHAPE, "toy", "a".repeat(64))),
          read.metadata().orElseThrow().alignment());
      assertEquals(Optional.of(GeneratorProcess.REPA), read.process());
      assertTrue(read.tensors().containsKey("projectors.0.4.bias"));
    }
    SamplingOptions options =
        SamplingOptions.defaults().withMethod(SamplingMethod.SDE_EULER).withSteps(3);
    try (Device device = Device.open("cpu");
        Generator generator = Generator.load(run, device)) {
      assertEquals(32, generator.sample(new int[] {1}, 0, 0, options).values().length);
    }
    // The newest checkpoint, as of a run that has not ended, is the same network.
    Path file = folder.resolve("newest.safetensors");
    TrainedGenerator.write(run, Weights.EMA, file);
    try (GeneratorCheckpoint a = GeneratorCheckpoint.open(model);
        GeneratorCheckpoint b = GeneratorCheckpoint.open(file)) {
      assertEquals(a.metadata(), b.metadata());
      for (String name : a.tensors().keySet()) {
        assertArrayEquals(a.tensors().get(name).floats(), b.tensors().get(name).floats(), name);
      }
    }
  }

  /** Samples, log and model of a resumed run are those of one that never stopped. */
  @Test
  void aResumedRunShowsTheSame() throws Exception {
    List<String> settings = TinyLatents.alignment("model.kind=sit");
    Path whole = train(20, "whole", false, settings);
    train(10, "parts", false, settings);
    Path parts = train(20, "parts", true, settings);
    for (String name : List.of("samples/step-00000020.png", "model.safetensors")) {
      assertArrayEquals(
          Files.readAllBytes(whole.resolve(name)), Files.readAllBytes(parts.resolve(name)), name);
    }
    assertEquals(validations(whole), validations(parts));
  }

  private static List<String> validations(Path run) throws Exception {
    return RunLog.read(run.resolve("metrics.jsonl")).stream()
        .filter(l -> "validation".equals(l.get("event")))
        .map(l -> l.get("step") + " " + l.get("loss") + " " + l.get("alignment"))
        .toList();
  }

  /** From a plain SiT the projector begins anew; from an aligned one it goes on. */
  @Test
  void aRunStartsFromANetworkWithOrWithoutProjectors() throws Exception {
    Path plain = train(10, "plain", false, List.of("model.kind=sit"));
    List<String> still = List.of("optimizer.learning_rate=1e-30", "run.ema_decay=none");
    for (String from : List.of("plain", "first")) {
      List<String> settings =
          TinyLatents.alignment(
              "model.kind=sit", "model.init_from=" + folder.resolve(from + "/model.safetensors"));
      settings.addAll(from.equals("plain") ? List.of() : still);
      Path run = train(10, from.equals("plain") ? "first" : "second", false, settings);
      assertTrue(Files.exists(run.resolve("model.safetensors")));
    }
    try (GeneratorCheckpoint a = GeneratorCheckpoint.open(plain.resolve("model.safetensors"));
        GeneratorCheckpoint b =
            GeneratorCheckpoint.open(folder.resolve("first/model.safetensors"));
        GeneratorCheckpoint c =
            GeneratorCheckpoint.open(folder.resolve("second/model.safetensors"))) {
      assertEquals(Optional.empty(), a.alignment());
      String block = "blocks.0.mlp.fc1.weight";
      assertNotEquals(a.tensors().get(block).floats()[0], b.tensors().get(block).floats()[0]);
      for (String name : b.tensors().keySet()) {
        assertArrayEquals(b.tensors().get(name).floats(), c.tensors().get(name).floats(), name);
      }
    }
  }
}
