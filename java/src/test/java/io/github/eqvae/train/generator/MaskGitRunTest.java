package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.MaskedTransformer;
import io.github.eqvae.generator.checkpoint.GeneratorHints;
import io.github.eqvae.generator.checkpoint.MaskGitCheckpoint;
import io.github.eqvae.generator.checkpoint.MaskGitMetadata;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.LeakCheck;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.RecordingObserver;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.TrainingRun;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run of MaskGIT from files to files: log, samples, report, model, going on, and refusals. */
class MaskGitRunTest {
  @TempDir Path folder;
  private Path codes;

  @BeforeEach
  void makeCodes() throws Exception {
    codes = TinyCodes.folder(folder);
  }

  private MaskGitRecipe recipe(String... settings) {
    return MaskGitRecipe.parse(TinyCodes.recipe(codes, 20, 10), "tiny", List.of(settings));
  }

  private final List<String> said = new ArrayList<>();

  private Path train(MaskGitRecipe recipe, String name, boolean resume) throws Exception {
    RunFolder run = new RunFolder(folder.resolve(name));
    try (TrainingRun<MaskGitTask> training =
        TrainingRun.open(recipe, run, new RecordingObserver(said))) {
      training.begin(resume);
      assertEquals(Trainer.End.FINISHED, training.train());
      said.add(training.finish());
    }
    return run.path();
  }

  @Test
  void aRunLeavesItsFiles() throws Exception {
    Path run = train(recipe(), "run", false);
    assertTrue(said.stream().anyMatch(s -> s.contains("6 of 6 codes are in use")), said::toString);
    assertTrue(said.stream().anyMatch(s -> s.contains("shown as latents")), said::toString);
    assertTrue(said.getLast().contains("hidden codes of held-out pictures: loss"), said::toString);
    assertTrue(
        Files.readString(run.resolve("report.html")).contains("Hidden codes that are right"));
    assertTrue(Files.exists(run.resolve("samples/step-00000010.png")));
    List<Map<String, Object>> log = RunLog.read(run.resolve("metrics.jsonl"));
    assertTrue(log.stream().anyMatch(l -> l.containsKey("total") && l.containsKey("masked_loss")));
    Map<String, Object> validation =
        log.stream().filter(l -> "validation".equals(l.get("event"))).findFirst().orElseThrow();
    double right = ((Number) validation.get("masked_accuracy")).doubleValue();
    assertTrue(right >= 0 && right <= 1 && validation.containsKey("loss"), validation::toString);
    JsonNode evaluation = new ObjectMapper().readTree(run.resolve("evaluation.json").toFile());
    assertTrue(evaluation.get("masked_loss").asDouble() > 0);
    assertTrue(evaluation.get("averaged").asBoolean());
    JsonNode kept = new ObjectMapper().readTree(run.resolve("latents.json").toFile());
    assertEquals("0123abcd", kept.get("weights_sha256").asText());
    try (MaskGitCheckpoint model = open(run)) {
      MaskGitMetadata metadata = model.metadata().orElseThrow();
      assertEquals(recipe().model().config(), metadata.network());
      assertEquals("0123abcd", metadata.latents().orElseThrow().autoencoderSha256());
      assertEquals(List.of("even", "odd"), metadata.classes());
      assertTrue(metadata.guided() && model.report().isClean());
    }
  }

  private static MaskGitCheckpoint open(Path run) throws Exception {
    return MaskGitCheckpoint.open(
        run.resolve("model.safetensors"), Weights.AUTO, GeneratorHints.NONE);
  }

  /** Samples, log and model of a resumed run are those of one that never stopped. */
  @Test
  void aResumedRunShowsTheSame() throws Exception {
    String halton = "samples.order=halton";
    Path whole = train(recipe(halton), "whole", false);
    train(recipe(halton, "run.steps=10"), "parts", false);
    Path parts = train(recipe(halton), "parts", true);
    for (String file :
        List.of("samples/step-00000010.png", "samples/step-00000020.png", "model.safetensors")) {
      assertArrayEquals(
          Files.readAllBytes(whole.resolve(file)), Files.readAllBytes(parts.resolve(file)), file);
    }
  }

  /** Before its end a run is in its checkpoints alone; nothing native is left behind. */
  @Test
  void aRunsCheckpointsCanBeSampled() throws Exception {
    Path run = train(recipe("run.steps=10"), "run", false);
    Path file = folder.resolve("last.safetensors");
    long leaks = LeakCheck.leaks();
    assertTrue(TrainedGenerator.write(run, Weights.MODEL, file).contains("step 10"));
    for (int i = 0; i < 20; i++) { // the cleaner has a thread of its own
      System.gc();
      Thread.sleep(10);
    }
    assertEquals(leaks, LeakCheck.leaks());
    assertTrue(TrainedGenerator.makesCodes(run));
    try (MaskGitCheckpoint written =
        MaskGitCheckpoint.open(file, Weights.AUTO, GeneratorHints.NONE)) {
      assertEquals(recipe().model().config(), written.config());
      assertTrue(written.report().isClean());
    }
  }

  @Test
  void aRunStartsFromAModel() throws Exception {
    Path first = train(recipe("run.steps=10"), "first", false);
    String from = "model.init_from=" + first.resolve("model.safetensors");
    MaskGitRecipe recipe =
        recipe(from, "run.steps=1", "optimizer.learning_rate=1e-30", "run.ema_decay=none");
    assertEquals(List.of(), recipe.checkStart());
    Path second = train(recipe, "second", false);
    try (MaskGitCheckpoint a = open(first);
        MaskGitCheckpoint b = open(second);
        Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        MaskedTransformer before = a.load(stream);
        MaskedTransformer after = b.load(stream)) {
      assertArrayEquals(
          before.parameters().values().toFloats(stream),
          after.parameters().values().toFloats(stream));
    }
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class, () -> recipe(from, "model.depth=1").checkStart());
    assertTrue(e.getMessage().contains("another network"), e.getMessage());
  }

  private void assertRefused(TinyCodes.Options o, String setting, String part) throws Exception {
    codes = TinyCodes.folder(folder.resolve("other" + o.hashCode()), o, "vae", "0123abcd");
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> new CodeData(recipe(setting.isEmpty() ? new String[0] : setting.split(" "))));
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  /** Codes of another codebook or grid, without labels, and latents are refused before training. */
  @Test
  void whatDoesNotFitIsRefused() throws Exception {
    TinyCodes.Options d = TinyCodes.Options.DEFAULT;
    assertRefused(new TinyCodes.Options(60, 8, true, true, d.format()), "", "set model.codes=8");
    assertRefused(
        new TinyCodes.Options(60, 6, false, true, d.format()), "", "codes have no labels");
    assertRefused(d, "model.side=8", "set model.side=4");
    assertRefused(d, "model.classes=1 samples.labels=[0]", "set model.classes=2");
    assertRefused(d, "data.validation=60", "leaves none to train on");
    codes = TinyLatents.folder(folder);
    EqvaeException.Argument e =
        assertThrows(EqvaeException.Argument.class, () -> new CodeData(recipe()));
    assertTrue(e.getMessage().contains("--posterior codes"), e.getMessage());
  }

  /** Shards in npz hold the same codes; other latents than a run began with are refused. */
  @Test
  void formatsAndResumption() throws Exception {
    TinyCodes.Options d = TinyCodes.Options.DEFAULT;
    Path npz =
        TinyCodes.folder(
            folder.resolve("npz"),
            new TinyCodes.Options(60, 6, true, true, ShardFormat.NPZ),
            "vae",
            "0123abcd");
    Path first = train(recipe("run.steps=5"), "a", false);
    Path other = train(recipe("run.steps=5", "data.path=" + npz), "b", false);
    assertArrayEquals(
        Files.readAllBytes(first.resolve("model.safetensors")),
        Files.readAllBytes(other.resolve("model.safetensors")));
    Path changed = TinyCodes.folder(folder.resolve("changed"), d, "vae", "ffff");
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class, () -> train(recipe("data.path=" + changed), "a", true));
    assertTrue(e.getMessage().contains("weights_sha256"), e.getMessage());
  }

  private void assertProblem(String settings, String part) {
    RecipeException e = assertThrows(RecipeException.class, () -> recipe(settings.split(" ")));
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  @Test
  void recipesThatContradictThemselvesAreNamed() {
    assertProblem("model.heads=3", "does not divide into 3 heads");
    assertProblem("model.registers=1", "only Halton-MaskGIT has registers");
    assertProblem("masking.schedule=root", "only for sampling");
    assertProblem("model.class_dropout=0", "samples.guidance");
    assertProblem("samples.labels=[2]", "2 is no label");
    assertProblem("samples.steps=17 samples.order=halton", "use fewer steps");
    assertProblem("diffusion.steps=10", "unknown key");
    MaskGitRecipe recipe = recipe();
    assertTrue(recipe.mayChange("samples.steps") && recipe.mayChange("model.dropout"));
    assertTrue(!recipe.mayChange("model.width") && !recipe.mayChange("masking.schedule"));
    assertTrue(
        recipe("masking.label_smoothing=0").warnings().getFirst().contains("label_smoothing"));
  }
}
