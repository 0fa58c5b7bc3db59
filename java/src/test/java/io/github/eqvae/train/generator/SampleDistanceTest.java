package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.EqvaeException;
import io.github.eqvae.eval.ClassifierFeatures;
import io.github.eqvae.eval.FeatureSet;
import io.github.eqvae.eval.GeneratedFigures;
import io.github.eqvae.eval.ImageSet;
import io.github.eqvae.eval.Protocol;
import io.github.eqvae.generator.Dit;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.model.Autoencoder;
import io.github.eqvae.model.checkpoint.Weights;
import io.github.eqvae.nn.WeightsHash;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.TinyClassifier;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.AutoencoderTask;
import io.github.eqvae.train.autoencoder.TinyRun;
import io.github.eqvae.train.autoencoder.TrainedModel;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Distances that a run of a generator measures on its way. */
class SampleDistanceTest {
  private static final int REAL = 40;

  @TempDir Path folder;
  private Path latents;
  private final List<String> settings = new ArrayList<>();

  @BeforeEach
  void makeWhatIsNeeded() throws Exception {
    latents = TinyLatents.folder(folder);
    AutoencoderRecipe of =
        AutoencoderRecipe.parse(TinyRun.recipe(TinyRun.images(folder), 2, 1), "tiny", List.of());
    RunFolder vae = new RunFolder(folder.resolve("vae"));
    try (TrainingRun<AutoencoderTask> training = TrainingRun.open(of, vae, RunObserver.NONE)) {
      training.begin(false);
      training.train();
      training.finish();
    }
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        Autoencoder model = TrainedModel.load(vae.path(), stream, Weights.AUTO)) {
      Path index = latents.resolve("index.json");
      String hash = WeightsHash.of(model.parameters(), stream);
      Files.writeString(index, Files.readString(index).replace("0123abcd", hash));
    }
    Random random = new Random(1);
    Path real = Files.createDirectories(folder.resolve("real"));
    for (int i = 0; i < REAL; i++) {
      float[] pixels = new float[8 * 8 * 3];
      for (int k = 0; k < pixels.length; k++) {
        pixels[k] = random.nextFloat();
      }
      Image picture = Image.ofFloats(8, 8, 3, pixels, 0, 0, 1);
      Files.write(real.resolve(i + ".png"), Images.png(picture));
    }
    settings.add("samples.autoencoder=" + vae.path());
    settings.add("distance.reference=" + real);
    settings.add(
        "distance.classifiers=["
            + TinyClassifier.write(folder, 1)
            + ", "
            + TinyClassifier.write(folder, 2)
            + "]");
    settings.add("distance.count=20");
    settings.add("distance.steps=3");
  }

  private GeneratorRecipe recipe(String... more) {
    List<String> all = new ArrayList<>(settings);
    all.addAll(List.of(more));
    return GeneratorRecipe.parse(TinyLatents.recipe(latents, 20, 10), "tiny", all);
  }

  private Path train(GeneratorRecipe recipe, String name, boolean resume) throws Exception {
    RunFolder run = new RunFolder(folder.resolve(name));
    try (TrainingRun<GeneratorTask> training = TrainingRun.open(recipe, run, RunObserver.NONE)) {
      training.begin(resume);
      training.train();
      assertTrue(training.finish().contains("frechet_distance_2 "));
    }
    return run.path();
  }

  private static List<Map<String, Object>> validations(Path run) throws IOException {
    return RunLog.read(run.resolve("metrics.jsonl")).stream()
        .filter(line -> "validation".equals(line.get("event")))
        .toList();
  }

  private static double distance(Map<String, Object> validation, String key) {
    return ((Number) validation.get(key)).doubleValue();
  }

  /** Files that are needed at the first validation or at the end are read before the first step. */
  @Test
  void weightsOfAnotherKindAreRefusedBeforeTheFirstStep() throws Exception {
    Path other = Files.writeString(folder.resolve("other.safetensors"), "Entry not found");
    GeneratorRecipe recipe = recipe("distance.classifiers=[" + other + "]");
    IOException e = assertThrows(IOException.class, () -> train(recipe, "no", false));
    assertTrue(e.getMessage().contains("Entry not found"), e.getMessage());
    assertFalse(Files.exists(folder.resolve("no/recipe.yaml")), "training had begun");
    AutoencoderRecipe inception =
        AutoencoderRecipe.parse(
            TinyRun.recipe(TinyRun.images(folder), 2, 1),
            "tiny",
            List.of("evaluation.inception_weights=" + other));
    RunFolder vae = new RunFolder(folder.resolve("none"));
    try (TrainingRun<AutoencoderTask> training =
        TrainingRun.open(inception, vae, RunObserver.NONE)) {
      e = assertThrows(IOException.class, () -> training.begin(false));
    }
    assertTrue(e.getMessage().contains("Entry not found"), e.getMessage());
    assertFalse(Files.exists(folder.resolve("none/recipe.yaml")), "training had begun");
  }

  /** The log has what {@code evaluate} would say of the same samples, by both classifiers. */
  @Test
  void distancesAreThoseOfAnEvaluation() throws Exception {
    GeneratorRecipe recipe = recipe();
    Path run = train(recipe, "run", false);
    Map<String, Object> last = validations(run).getLast();
    assertEquals(20, ((Number) last.get("step")).intValue());
    for (int c = 1; c <= 2; c++) {
      double measured = evaluated(run, recipe, folder.resolve("classifier-" + c + ".safetensors"));
      String key = "frechet_distance" + (c == 1 ? "" : "_2");
      assertEquals(measured, distance(last, key), 1e-9 * measured, key);
    }
    assertNotEquals(distance(last, "frechet_distance"), distance(last, "frechet_distance_2"));
    assertTrue(Files.readString(run.resolve("report.html")).contains("Distance to real images"));
  }

  /** The same pictures, decoded as samples are, compared with the same images. */
  @Test
  void realLatentsAreMeasuredAsSamplesAre() throws Exception {
    GeneratorRecipe recipe = recipe();
    Path run = train(recipe, "run", false);
    Path classifier = folder.resolve("classifier-1.safetensors");
    String key = "frechet_distance_of_real_latents";
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        LatentData data = new LatentData(recipe);
        ClassifierFeatures features = ClassifierFeatures.load(classifier, stream)) {
      int[] images = data.order(0);
      float[] latents = new float[20 * data.elements()];
      for (int i = 0; i < 20; i++) {
        data.draw(images[i], new FixedNoise(recipe.run().seed(), 5), latents, i * data.elements());
      }
      LatentsAutoencoder autoencoder = new LatentsAutoencoder(recipe.samples().autoencoder(), data);
      List<Image> decoded =
          new SampleDecoder(recipe, data, autoencoder).decode(latents, 20, stream);
      double expected = evaluated(decoded, features, stream);
      for (Map<String, Object> validation : validations(run)) {
        assertEquals(expected, distance(validation, key), 1e-9 * expected);
      }
    }
    JsonNode result = new ObjectMapper().readTree(run.resolve("evaluation.json").toFile());
    assertEquals(distance(validations(run).getLast(), key), result.path(key).asDouble());
    assertEquals(20, result.path("measured_distances").path("real_latents").asInt());
    String report = Files.readString(run.resolve("report.html"));
    assertTrue(report.contains("frechet_distance_2_of_real_latents"), "not in the report");
  }

  private double evaluated(Path run, GeneratorRecipe recipe, Path classifier) throws Exception {
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "samples");
        GeneratorCheckpoint model = GeneratorCheckpoint.open(run.resolve("model.safetensors"));
        LatentData data = new LatentData(recipe);
        ClassifierFeatures features = ClassifierFeatures.load(classifier, stream)) {
      Dit dit = model.load(stream, false);
      List<Image> images =
          GeneratorSamples.measured(
                  recipe,
                  new SampleDecoder(
                      recipe, data, new LatentsAutoencoder(recipe.samples().autoencoder(), data)))
              .images(new Denoising(dit, stream, arena));
      dit.parameters().close();
      assertEquals(20, images.size());
      return evaluated(images, features, stream);
    }
  }

  private double evaluated(List<Image> images, ClassifierFeatures features, Stream stream)
      throws IOException {
    Path samples = Files.createDirectories(folder.resolve("samples"));
    for (int i = 0; i < images.size(); i++) {
      Files.write(samples.resolve(i + ".png"), Images.png(images.get(i)));
    }
    try (FeatureSet ours = measure(samples, features);
        FeatureSet real = measure(folder.resolve("real"), features)) {
      return GeneratedFigures.of(Protocol.CLASSIFIER, ours, real, stream)
          .values()
          .get("frechet_distance");
    }
  }

  private static FeatureSet measure(Path images, ClassifierFeatures features) throws IOException {
    return new ImageSet(images).measure(features, "", image -> {}, (name, why) -> {}, n -> {});
  }

  /** Measuring does not disturb the training, and a resumed run measures the same. */
  @Test
  void theRunIsNotDisturbed() throws Exception {
    Path whole = train(recipe(), "whole", false);
    train(recipe("run.steps=10"), "parts", false);
    Path parts = train(recipe(), "parts", true);
    for (String key : List.of("frechet_distance", "frechet_distance_of_real_latents")) {
      assertEquals(
          distance(validations(whole).getLast(), key), distance(validations(parts).getLast(), key));
    }
    Path without = folder.resolve("without");
    RunFolder run = new RunFolder(without);
    GeneratorRecipe plain =
        GeneratorRecipe.parse(TinyLatents.recipe(latents, 20, 10), "tiny", List.of());
    try (TrainingRun<GeneratorTask> training = TrainingRun.open(plain, run, RunObserver.NONE)) {
      training.begin(false);
      training.train();
      training.finish();
    }
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device)) {
      assertEquals(hash(whole, stream), hash(without, stream));
    }
  }

  private static String hash(Path run, Stream stream) throws IOException {
    try (GeneratorCheckpoint model = GeneratorCheckpoint.open(run.resolve("model.safetensors"))) {
      Dit dit = model.load(stream, false);
      String hash = WeightsHash.of(dit.parameters(), stream);
      dit.parameters().close();
      return hash;
    }
  }

  @Test
  void theBestModelCanBeChosenByIt() throws Exception {
    Path run = train(recipe("run.best_metric=frechet_distance"), "run", false);
    assertTrue(Files.exists(new RunFolder(run).best()));
  }

  /** What is missing shows before the training. */
  @Test
  void whatIsMissingIsSaid() {
    for (String gone : List.of("distance.reference", "distance.classifiers")) {
      String value = gone.endsWith("s") ? "[gone.safetensors]" : "gone";
      EqvaeException.Argument e =
          assertThrows(
              EqvaeException.Argument.class, () -> train(recipe(gone + "=" + value), "no", false));
      assertTrue(e.getMessage().startsWith(gone + ": there is no"), e.getMessage());
    }
    RecipeException none =
        assertThrows(RecipeException.class, () -> recipe("distance.classifiers=[]"));
    assertTrue(none.getMessage().contains("a distance compares features"), none.getMessage());
    none = assertThrows(RecipeException.class, () -> recipe("distance.reference=null"));
    assertTrue(none.getMessage().contains("name the real images"), none.getMessage());
    settings.removeFirst();
    EqvaeException.Argument e =
        assertThrows(EqvaeException.Argument.class, () -> train(recipe(), "no", false));
    assertTrue(e.getMessage().contains("needs the autoencoder"), e.getMessage());
    assertTrue(e.getMessage().contains("vae, which made the latents, is gone"), e.getMessage());
  }
}
