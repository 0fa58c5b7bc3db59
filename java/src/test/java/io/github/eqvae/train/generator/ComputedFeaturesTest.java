package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Crop;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.RepaLoss;
import io.github.eqvae.generator.FeaturePixels;
import io.github.eqvae.generator.PatchFeatures;
import io.github.eqvae.generator.PositionResize;
import io.github.eqvae.generator.checkpoint.AlignmentOrigin;
import io.github.eqvae.generator.checkpoint.FeatureNetworks;
import io.github.eqvae.generator.checkpoint.GeneratorCheckpoint;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.TarFile;
import io.github.eqvae.jobs.EncodeJob;
import io.github.eqvae.jobs.EncodeOptions;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.SmallClassifier;
import io.github.eqvae.serve.TinyModels;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.train.MemoryPlan;
import io.github.eqvae.train.MicroBatch;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Features that are computed while a generator trains are, bit for bit, those that {@code encode
 * --features} stores beside the latents of the same pictures.
 */
class ComputedFeaturesTest {
  private static final int SIDE = 16;
  private static final int PICTURES = 15;
  private static final int VIT_HEADS = 3;
  private static final int VIT_WIDTH = 24; // does not divide into heads of 64 channels
  private static final long VIT_PARAMETERS = 15_000; // and some hundred more

  @TempDir Path folder;
  private Path pictures;
  private Path vit;

  @BeforeEach
  void makePictures() throws IOException {
    pictures = folder.resolve("pictures");
    Random random = new Random(3);
    for (int i = 0; i < PICTURES; i++) {
      byte[] data = new byte[20 * 24 * 3];
      random.nextBytes(data);
      Path of = Files.createDirectories(pictures.resolve("class" + i % 3));
      Images.writePng(of.resolve("p%02d.png".formatted(i)), new Image(20, 24, 3, data));
    }
    byte[] whole = Files.readAllBytes(pictures.resolve("class1/p01.png"));
    Files.write(pictures.resolve("class1/p02.png"), Arrays.copyOf(whole, 200)); // has no latent
    vit =
        Path.of(
            System.getProperty("eqvae.root"),
            "java/src/test/resources/io/github/eqvae/generator/plain-vit.safetensors");
  }

  private Path classifier(String name, long seed) throws IOException {
    Path file = folder.resolve(name + ".safetensors");
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        SmallClassifier network =
            new SmallClassifier(new SmallClassifier.Config(3, SIDE, 8, 3), stream, seed, false)) {
      Map<String, String> metadata = new LinkedHashMap<>(network.config().metadata().toMap());
      metadata.put("format", "pt");
      ModelFile.save(file, network.parameters(), stream, metadata);
    }
    return file;
  }

  /** Latents of the pictures, with the features of a network or without. */
  private Path encode(String name, Path input, Optional<Path> network) throws IOException {
    Path out = folder.resolve(name);
    EncodeOptions options =
        new EncodeOptions(
            Content.MOMENTS,
            5,
            SIDE,
            Crop.ADM,
            new DecodeOptions(1 << 20, DecodeOptions.Alpha.DROP),
            true,
            false,
            ShardFormat.SAFETENSORS,
            6,
            true);
    FeatureNetworks.Options asked =
        new FeatureNetworks.Options(
            2, FeaturePixels.DINOV2, PositionResize.TIMM, OptionalInt.of(VIT_HEADS));
    Path model = TinyModels.kl(folder);
    try (Device device = Device.open("cpu", 1);
        Stream stream = new Stream(device);
        Vae vae = Vae.load(model, device, VaeOptions.defaults())) {
      Optional<PatchFeatures> features =
          network.isEmpty()
              ? Optional.empty()
              : Optional.of(FeatureNetworks.open(network.get(), stream, SIDE, asked));
      EncodeJob.Listener silent =
          new EncodeJob.Listener() {
            @Override
            public void encoded(long images) {}

            @Override
            public void broken(String picture, String cause) {}
          };
      new EncodeJob(model, vae, features, input, options, out, 4, Optional.empty(), false, silent)
          .run();
      features.ifPresent(PatchFeatures::close);
    }
    return out;
  }

  private GeneratorRecipe recipe(Path latents, int steps, List<String> settings) {
    List<String> all = new ArrayList<>(TinyLatents.alignment("data.validation=4"));
    all.addAll(settings);
    return GeneratorRecipe.parse(TinyLatents.recipe(latents, steps, 3), "tiny", all);
  }

  private static List<String> encoder(Path network, int width, String... more) {
    List<String> settings =
        new ArrayList<>(List.of("alignment.encoder=" + network, "alignment.width=" + width));
    settings.addAll(List.of(more));
    return settings;
  }

  private static float[] features(LatentData data, int[] images, boolean[] mirrored)
      throws IOException {
    return features(data, images, mirrored, 64).getFirst();
  }

  /** Of networks of these widths, in 2×2 places. */
  private static List<float[]> features(
      LatentData data, int[] images, boolean[] mirrored, int... widths) throws IOException {
    List<float[]> out =
        Arrays.stream(widths).mapToObj(w -> new float[images.length * 2 * 2 * w]).toList();
    data.targets().orElseThrow().read(images, mirrored, out);
    return out;
  }

  /** In whatever order and company pictures are asked for. */
  private void assertSameFeatures(String name, Path input, Path network, List<String> settings)
      throws IOException {
    Path cached = encode(name + "-cached", input, Optional.of(network));
    Path plain = encode(name + "-plain", input, Optional.empty());
    List<String> width = settings.stream().filter(s -> s.contains(".width=")).toList();
    try (LatentData there = new LatentData(recipe(cached, 3, width));
        LatentData now = new LatentData(recipe(plain, 3, settings))) {
      String which = there.targets().orElseThrow().describe();
      assertTrue(now.describe().contains(which), which);
      for (int[] images : List.of(new int[] {7}, new int[] {9, 0, 13, 5, 5})) {
        boolean[] mirrored = new boolean[images.length];
        mirrored[images.length / 2] = true;
        assertArrayEquals(features(there, images, mirrored), features(now, images, mirrored), name);
      }
      String said = now.describe();
      assertTrue(said.contains("computed while it trains, from the pictures in " + input), said);
      assertFalse(there.describe().contains("computed"));
    }
  }

  @Test
  void featuresAreThoseBesideTheLatents() throws Exception {
    Path network = classifier("net", 1);
    assertSameFeatures("folder", pictures, network, encoder(network, 64));
    Path tar = folder.resolve("set.tar");
    TarFile.write(
        tar,
        sink -> {
          try (var files = Files.walk(pictures)) {
            List<Path> sorted =
                files.filter(Files::isRegularFile).sorted(Comparator.naturalOrder()).toList();
            for (Path file : sorted) {
              String name = pictures.relativize(file).toString();
              sink.add(name, Files.readAllBytes(file));
              sink.add(name.replace("png", "cls"), name.substring(5, 6).getBytes("US-ASCII"));
            }
          }
        });
    assertSameFeatures("tar", tar, network, encoder(network, 64));
  }

  /** Steps, validations, samples and the model are the same either way, and after a stop. */
  @Test
  void aRunHasTheSameBits() throws Exception {
    Path cached = encode("cached", pictures, Optional.of(vit));
    Path plain = encode("plain", pictures, Optional.empty());
    Path moved = Files.move(pictures, folder.resolve("moved"));
    List<String> computed =
        encoder(vit, VIT_WIDTH, "alignment.heads=3", "alignment.images=" + moved);
    List<String> there = List.of("alignment.width=" + VIT_WIDTH);
    Path before = train("before", recipe(cached, 6, there), false);
    Path now = train("now", recipe(plain, 6, computed), false);
    train("parts", recipe(plain, 3, computed), false);
    Path parts = train("parts", recipe(plain, 6, computed), true);
    for (Path run : List.of(now, parts)) {
      assertEquals(losses(before), losses(run));
      for (String file : List.of("model.safetensors", "samples/step-00000006.png")) {
        assertArrayEquals(
            Files.readAllBytes(before.resolve(file)), Files.readAllBytes(run.resolve(file)), file);
      }
      assertEquals(
          Files.readString(before.resolve("latents.json")),
          Files.readString(run.resolve("latents.json")));
    }
    List<String> hub = new ArrayList<>(computed);
    hub.add("alignment.positions=hub");
    assertRefused(cached, hub, "as timm fits", "as hub fits");
    // a run goes on from cached features to computed ones, which are the same
    train("before", recipe(plain, 9, computed), true);
    // seen: with another number of heads the features are others, and nothing said so
    List<String> heads = encoder(vit, VIT_WIDTH, "alignment.heads=6", "alignment.images=" + moved);
    EqvaeException.Argument others =
        assertThrows(
            EqvaeException.Argument.class, () -> train("before", recipe(plain, 12, heads), true));
    assertTrue(others.getMessage().contains("6 heads"), others.getMessage());
    MemoryPlan plan = MemoryPlan.of(recipe(plain, 6, computed));
    assertTrue(plan.frozenBytes() > 4 * VIT_PARAMETERS, () -> "" + plan.frozenBytes());
    assertTrue(plan.text().contains("frozen networks that compute features"), plan.text());
    assertEquals(0, MemoryPlan.of(recipe(cached, 6, there)).frozenBytes());
  }

  /** REPA's {@code enc_type} may name several: each has a projector, the loss is their mean. */
  @Test
  void severalNetworksHaveAProjectorEach() throws Exception {
    Path network = classifier("net", 1);
    Path cached = encode("cached", pictures, Optional.of(network));
    Path plain = encode("plain", pictures, Optional.empty());
    List<String> both =
        List.of(
            "alignment.encoder=[" + vit + ", " + network + "]",
            "alignment.width=[24, 64]",
            "alignment.heads=[3, 0]");
    int[] images = {9, 0, 13};
    boolean[] mirrored = {false, true, false};
    try (LatentData there = new LatentData(recipe(cached, 3, List.of("alignment.width=64")));
        LatentData first = new LatentData(recipe(plain, 3, encoder(vit, 24, "alignment.heads=3")));
        LatentData now = new LatentData(recipe(plain, 3, both))) {
      List<float[]> each = features(now, images, mirrored, 24, 64);
      assertArrayEquals(features(first, images, mirrored, 24).getFirst(), each.get(0));
      assertArrayEquals(features(there, images, mirrored), each.get(1));
    }
    new LatentData(recipe(cached, 3, both)).close(); // the features there are one of the two
    Path whole = train("whole", recipe(plain, 6, both), false);
    train("parts", recipe(plain, 3, both), false);
    Path parts = train("parts", recipe(plain, 6, both), true);
    assertEquals(losses(whole), losses(parts));
    Path model = whole.resolve("model.safetensors");
    assertArrayEquals(
        Files.readAllBytes(model), Files.readAllBytes(parts.resolve("model.safetensors")));
    try (GeneratorCheckpoint read = GeneratorCheckpoint.open(model)) {
      AlignmentOrigin origin = read.metadata().orElseThrow().alignment().orElseThrow();
      assertEquals(List.of(24, 64), origin.shape().widths());
      assertTrue(origin.network().endsWith(",eqvae-classifier-3-classes-16-px"), origin.network());
      assertEquals(2 * 64 + 1, origin.sha256().length());
      assertTrue(read.tensors().containsKey("projectors.1.4.bias"));
    }
    assertRefused(plain, List.of(both.get(0), both.get(2)), "alignment.width", "1 for 2 encoders");
    assertRefused(plain, List.of("alignment.width=[24, 64]"), "named with alignment.encoder");
    assertRefused(
        plain,
        List.of(both.get(0), both.get(1), "alignment.heads=[3, 0, 0]"),
        "alignment.heads",
        "3 for 2 encoders");
    assertRefused(
        plain,
        List.of(both.get(0), "alignment.width=[24, 5]", both.get(2)),
        "net.safetensors",
        "alignment.width=[24, 64]");
  }

  @Test
  void theLogHasTheMeanOfNetworks() {
    Map<String, Double> losses =
        new QuarterLosses(new RepaLoss(Interpolant.LINEAR, RepaLoss.Times.UNIFORM), 1)
            .report(List.of(), 1, 2, 0.5)
            .read(new double[] {0.3, -0.25, -0.75}, new MicroBatch(0, 0, true, true), null);
    assertEquals(-0.5, losses.get("alignment"));
    assertEquals(-0.25, losses.get("total"));
  }

  private Path train(String name, GeneratorRecipe recipe, boolean resume) throws Exception {
    RunFolder run = new RunFolder(folder.resolve("runs").resolve(name));
    try (TrainingRun<GeneratorTask> training = TrainingRun.open(recipe, run, RunObserver.NONE)) {
      training.begin(resume);
      training.train();
      training.finish();
    }
    return run.path();
  }

  /** The last step's figures and those of the last validation. */
  private static List<String> losses(Path run) throws Exception {
    List<Map<String, Object>> log = RunLog.read(run.resolve("metrics.jsonl"));
    List<String> texts = new ArrayList<>();
    for (String event : List.of("step", "validation")) {
      Map<String, Object> last =
          log.stream().filter(l -> event.equals(l.get("event"))).toList().getLast();
      assertTrue(last.containsKey("alignment"), last::toString);
      texts.add(last.get("step") + " " + last.get("loss") + " " + last.get("alignment"));
    }
    return texts;
  }

  private void assertRefused(Path latents, List<String> settings, String... parts) {
    Exception e =
        assertThrows(Exception.class, () -> new LatentData(recipe(latents, 3, settings)).close());
    assertTrue(e instanceof EqvaeException.Argument || e instanceof IOException, e::toString);
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "missing '" + part + "' in " + e.getMessage());
    }
  }

  @Test
  void whatIsMissingOrDifferentIsNamed() throws Exception {
    Path network = classifier("net", 1);
    Path other = classifier("other", 2);
    Path plain = encode("plain", pictures, Optional.empty());
    Path cached = encode("cached", pictures, Optional.of(other));
    List<String> wanted = encoder(network, 64);
    new LatentData(recipe(cached, 3, encoder(other, 64))).close();
    assertRefused(cached, wanted, "features beside the latents", "computes others", "leave out");
    assertRefused(plain, encoder(folder.resolve("no"), 64), "alignment.encoder", "no file");
    assertRefused(plain, encoder(network, 5), "net.safetensors", "64 wide", "alignment.width=64");
    assertRefused(plain, encoder(network, 64, "alignment.positions=hub"), "no table of positions");
    assertRefused(plain, encoder(network, 64, "alignment.network=x"), "alignment.network", "file");
    assertRefused(
        plain,
        encoder(vit, VIT_WIDTH),
        "alignment.encoder: ",
        "heads of 64 channels",
        "number of heads");
    Path elsewhere = folder.resolve("elsewhere");
    List<String> there = encoder(network, 64, "alignment.images=" + elsewhere);
    assertRefused(plain, there, "alignment.images: there is no file or folder");
    Files.move(pictures, elsewhere);
    assertRefused(plain, wanted, pictures + ", which is not there", "alignment.images");
    new LatentData(recipe(plain, 3, there)).close();
    Files.copy(elsewhere.resolve("class0/p00.png"), elsewhere.resolve("class0/p99.png"));
    assertRefused(plain, there, "17 pictures", "15 latents", "pictures were added");
    Files.delete(elsewhere.resolve("class0/p99.png"));
    Files.delete(elsewhere.resolve("class1/p07.png"));
    assertRefused(plain, there, "15 pictures", "first without a picture is class1/p07.png");
    Files.writeString(
        plain.resolve("index.json"),
        Files.readString(plain.resolve("index.json")).replace("\"adm\"", "\"round\""));
    assertRefused(plain, there, "no valid entry 'crop'");
  }

  @Test
  void keysWithoutEffectAreSaid() throws Exception {
    GeneratorRecipe recipe = recipe(folder, 3, List.of("alignment.images=" + pictures));
    assertTrue(recipe.warnings().toString().contains("no effect without alignment.encoder"));
    assertEquals(recipe, GeneratorRecipe.parse(recipe.toYaml(), "again", List.of()));
  }
}
