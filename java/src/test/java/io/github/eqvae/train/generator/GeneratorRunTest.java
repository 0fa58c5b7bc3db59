package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.generator.checkpoint.GeneratorMetadata;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.ImageGrid;
import io.github.eqvae.io.Images;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.RecordingObserver;
import io.github.eqvae.train.MemoryPlan;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.AutoencoderTask;
import io.github.eqvae.train.autoencoder.TinyRun;
import io.github.eqvae.train.autoencoder.TrainedModel;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run of a generator from files to files: log, samples, report, model, and going on. */
class GeneratorRunTest {
  @TempDir Path folder;
  private Path latents;

  @BeforeEach
  void makeLatents() throws Exception {
    latents = TinyLatents.folder(folder);
  }

  private GeneratorRecipe recipe(String... settings) {
    return GeneratorRecipe.parse(TinyLatents.recipe(latents, 20, 10), "tiny", List.of(settings));
  }

  private final List<String> said = new ArrayList<>();

  private Path train(GeneratorRecipe recipe, String name, boolean resume) throws Exception {
    RunFolder run = new RunFolder(folder.resolve(name));
    try (TrainingRun<GeneratorTask> training =
        TrainingRun.open(recipe, run, new RecordingObserver(said))) {
      training.begin(resume);
      assertEquals(Trainer.End.FINISHED, training.train());
      said.add(training.finish());
    }
    return run.path();
  }

  @Test
  void aRunLeavesItsFiles() throws Exception {
    GeneratorRecipe recipe = recipe();
    Path run = train(recipe, "run", false);
    assertTrue(said.stream().anyMatch(s -> s.contains("RMS of 1.0")), said::toString);
    assertTrue(said.stream().anyMatch(s -> s.contains("shown as latents")), said::toString);
    assertTrue(Files.readString(run.resolve("report.html")).contains("Loss by quarter"));
    assertTrue(Files.exists(run.resolve("samples/step-00000010.png")));
    List<Map<String, Object>> log = RunLog.read(run.resolve("metrics.jsonl"));
    assertTrue(
        log.stream().anyMatch(l -> l.containsKey("total") && l.containsKey("images_per_second")));
    Map<String, Object> validation =
        log.stream().filter(l -> "validation".equals(l.get("event"))).findFirst().orElseThrow();
    double mean = 0;
    for (int q = 0; q < QuarterLosses.COUNT; q++) {
      mean += ((Number) validation.get(QuarterLosses.name(q))).doubleValue() / 4;
    }
    assertEquals(((Number) validation.get("loss")).doubleValue(), mean, 1e-9);
    JsonNode evaluation = new ObjectMapper().readTree(run.resolve("evaluation.json").toFile());
    assertTrue(evaluation.get("loss").asDouble() > 0 && evaluation.get("averaged").asBoolean());
    JsonNode kept = new ObjectMapper().readTree(run.resolve("latents.json").toFile());
    assertEquals("0123abcd", kept.get("weights_sha256").asText());
    checkModel(run, recipe);
  }

  private static void checkModel(Path run, GeneratorRecipe recipe) throws Exception {
    try (GeneratorCheckpoint model = GeneratorCheckpoint.open(run.resolve("model.safetensors"));
        Device device = Device.open("cpu");
        Stream stream = new Stream(device)) {
      GeneratorMetadata metadata = model.metadata().orElseThrow();
      assertEquals(recipe.model().config(), metadata.network());
      assertEquals(recipe.process().process(), metadata.process());
      assertEquals(LatentScaling.of(0.5, 0), metadata.latents().orElseThrow().scaling());
      assertEquals("0123abcd", metadata.latents().orElseThrow().autoencoderSha256());
      assertEquals(List.of("left", "right", "top"), metadata.classes());
      Dit dit = model.load(stream, false);
      assertTrue(dit.parameters().count() > 1000);
      dit.parameters().close();
    }
  }

  /** Samples and log of a resumed run are those of one that never stopped. */
  @Test
  void aResumedRunShowsTheSame() throws Exception {
    Path whole = train(recipe("model.kind=sit", "samples.sampler=sde"), "whole", false);
    GeneratorRecipe first = recipe("model.kind=sit", "samples.sampler=sde", "run.steps=10");
    train(first, "parts", false);
    Path parts = train(recipe("model.kind=sit", "samples.sampler=sde"), "parts", true);
    for (String picture : List.of("samples/step-00000010.png", "samples/step-00000020.png")) {
      assertArrayEquals(
          Files.readAllBytes(whole.resolve(picture)), Files.readAllBytes(parts.resolve(picture)));
    }
    assertArrayEquals(
        Files.readAllBytes(whole.resolve("model.safetensors")),
        Files.readAllBytes(parts.resolve("model.safetensors")));
    assertEquals(validations(whole), validations(parts));
  }

  private static List<Object> validations(Path run) throws Exception {
    return RunLog.read(run.resolve("metrics.jsonl")).stream()
        .filter(l -> "validation".equals(l.get("event")))
        .map(l -> l.get("step") + " " + l.get("loss"))
        .map(Object.class::cast)
        .toList();
  }

  /** A network is bound to the autoencoder and the scaling that it began with. */
  @Test
  void otherLatentsAreRefused() throws Exception {
    train(recipe("run.steps=10"), "run", false);
    TinyLatents.Options d = TinyLatents.Options.DEFAULT;
    latents =
        TinyLatents.folder(
            folder.resolve("others"),
            new TinyLatents.Options(
                d.images(), d.content(), d.labels(), d.flips(), d.format(), 2.5));
    EqvaeException.Argument e =
        assertThrows(EqvaeException.Argument.class, () -> train(recipe(), "run", true));
    assertTrue(e.getMessage().contains("scaling_factor was 0.5, now it is 0.4"), e.getMessage());
  }

  /** Where the data are 0, a network that predicts them and begins with 0 learns nothing. */
  @Test
  void gradientsThatAreAllZeroAreSaid() throws Exception {
    latents =
        TinyLatents.folder(
            folder.resolve("zeros"),
            new TinyLatents.Options(
                20, Content.MOMENTS, true, true, ShardFormat.SAFETENSORS, Float.MIN_VALUE / 1e6));
    Path run =
        train(
            recipe(
                "run.steps=3",
                "data.scaling=none",
                "data.posterior=mode",
                "model.learn_sigma=false",
                "diffusion.prediction=start"),
            "run",
            false);
    String advice = "step 1: all gradients of the network are exactly 0";
    assertEquals(
        1, said.stream().filter(s -> s.startsWith("note: " + advice)).count(), said::toString);
    List<Object> logged =
        RunLog.read(run.resolve("metrics.jsonl")).stream()
            .filter(l -> "zero_gradients".equals(l.get("event")))
            .map(l -> l.get("what"))
            .toList();
    assertEquals(1, logged.size());
    assertTrue(logged.getFirst().toString().startsWith(advice), logged::toString);
  }

  /** Training can start from a model, of a run or of a file. */
  @Test
  void aRunStartsFromAModel() throws Exception {
    Path first = train(recipe("run.steps=10"), "first", false);
    String from = "model.init_from=" + first.resolve("model.safetensors");
    GeneratorRecipe recipe =
        recipe(from, "run.steps=1", "optimizer.learning_rate=1e-30", "run.ema_decay=none");
    assertEquals(List.of(), recipe.checkStart());
    train(recipe, "second", false);
    try (GeneratorCheckpoint a = GeneratorCheckpoint.open(first.resolve("model.safetensors"));
        GeneratorCheckpoint b =
            GeneratorCheckpoint.open(folder.resolve("second/model.safetensors"));
        Device device = Device.open("cpu");
        Stream stream = new Stream(device)) {
      Dit before = a.load(stream, false);
      Dit after = b.load(stream, false);
      assertArrayEquals(
          before.parameters().values().toFloats(stream),
          after.parameters().values().toFloats(stream));
      before.parameters().close();
      after.parameters().close();
    }
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class, () -> recipe(from, "model.depth=1").checkStart());
    assertTrue(e.getMessage().contains("another network"), e.getMessage());
    assertTrue(
        e.getMessage().contains("\n  depth: the recipe has 1, the checkpoint "), e.getMessage());
    assertFalse(e.getMessage().contains("width"), "the same in both: " + e.getMessage());
    // Seen: networks of dit, sit and repa fit each other, and were taken without a word.
    String kind = recipe(from).model().kind() == NetworkRecipe.Kind.SIT ? "dit" : "sit";
    List<String> notes = recipe(from, "model.kind=" + kind, "model.learn_sigma=true").checkStart();
    assertTrue(
        notes.size() == 1 && notes.getFirst().contains("this run trains as " + kind),
        notes::toString);
  }

  /** With the weights, and pictures of 8 × 8 of a batch on their way; also found by the index. */
  private void decodingIsPlanned(GeneratorRecipe recipe, long weights) throws Exception {
    MemoryPlan plan = MemoryPlan.of(recipe);
    MemoryPlan larger = MemoryPlan.of(recipe.with("samples.batch=3"));
    assertTrue(larger.samplesBytes() > weights + 3 * 8 * 8 * 3 * Float.BYTES, larger::text);
    assertTrue(plan.samplesBytes() > larger.samplesBytes(), "all six at once need more");
    assertTrue(plan.text().contains("loaded for a moment to decode samples"), plan::text);
    MemoryPlan none = MemoryPlan.of(recipe());
    assertEquals(0, none.samplesBytes());
    assertFalse(none.text().contains("loaded for a moment"), none::text);
    Path index = latents.resolve("index.json");
    String text = Files.readString(index);
    Matcher model = Pattern.compile("\"model\" : \"vae\"").matcher(text);
    assertTrue(model.find(), text);
    String path = folder.resolve("vae").toString().replace("\\", "\\\\");
    Files.writeString(index, model.replaceFirst("\"model\" : \"" + path + "\""));
    assertEquals(plan.samplesBytes(), MemoryPlan.of(recipe()).samplesBytes());
    Files.writeString(index, text);
  }

  /** Samples are decoded by the autoencoder that made the latents, and by no other. */
  @Test
  void samplesAreDecodedByTheLatentsOwnAutoencoder() throws Exception {
    AutoencoderRecipe of =
        AutoencoderRecipe.parse(TinyRun.recipe(TinyRun.images(folder), 2, 1), "tiny", List.of());
    RunFolder vae = new RunFolder(folder.resolve("vae"));
    try (TrainingRun<AutoencoderTask> training = TrainingRun.open(of, vae, RunObserver.NONE)) {
      training.begin(false);
      training.train();
      training.finish();
    }
    String named = "samples.autoencoder=" + vae.path();
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> train(recipe(named, "run.steps=10"), "others", false));
    assertTrue(e.getMessage().contains("other weights"), e.getMessage());
    // Before the first step, not when the first pictures are due.
    assertFalse(Files.exists(folder.resolve("others/recipe.yaml")), "training had begun");
    String hash;
    long weights;
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        Autoencoder model = TrainedModel.load(vae.path(), stream, Weights.AUTO)) {
      hash = WeightsHash.of(model.parameters(), stream);
      weights = Float.BYTES * model.parameters().count();
    }
    decodingIsPlanned(recipe(named), weights);
    Path index = latents.resolve("index.json");
    Files.writeString(index, Files.readString(index).replace("0123abcd", hash));
    Path run = train(recipe(named, "run.steps=10"), "run", false);
    // Six pictures of 8 × 8 pixels in a row, with gaps of two around them, and a line of text
    // above.
    Image picture = Images.read(run.resolve("samples/step-00000010.png"));
    assertEquals(6 * 8 + 7 * 2, picture.width());
    Image line = ImageGrid.caption(new Image(8, 8, 1, new byte[64]), "0", 255);
    assertEquals(line.height() + 2 * 2, picture.height());
    e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> train(recipe("samples.autoencoder=" + folder.resolve("gone")), "no", false));
    assertTrue(e.getMessage().contains("there is no file or folder"), e.getMessage());
  }
}
