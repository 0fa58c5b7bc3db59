package io.github.eqvae.jobs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Crop;
import io.github.eqvae.generator.FeaturePixels;
import io.github.eqvae.generator.PatchFeatures;
import io.github.eqvae.generator.PositionResize;
import io.github.eqvae.generator.VitClassifier;
import io.github.eqvae.generator.checkpoint.Dinov2Weights;
import io.github.eqvae.generator.checkpoint.FeatureNetworks;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.FeatureGrid;
import io.github.eqvae.latents.LatentFolder;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.model.SmallClassifier;
import io.github.eqvae.serve.TinyModels;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.TinyClassifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Features of a frozen network lie beside the latents, those of mirrored pictures, too. */
class EncodeFeaturesTest {
  private static final int SIDE = 16;
  private static final int IMAGES = 7;

  @TempDir Path folder;
  private Path pictures;
  private Path model;

  @BeforeEach
  void pictures() throws IOException {
    pictures = Files.createDirectories(folder.resolve("pictures/a"));
    Random random = new Random(3);
    for (int i = 0; i < IMAGES; i++) {
      byte[] data = new byte[SIDE * SIDE * 3];
      random.nextBytes(data);
      Images.writePng(pictures.resolve("p%02d.png".formatted(i)), new Image(SIDE, SIDE, 3, data));
    }
    pictures = pictures.getParent();
    model = TinyModels.kl(folder);
  }

  private Path classifier(String name, int side, long seed) throws IOException {
    Path file = folder.resolve(name + ".safetensors");
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        SmallClassifier network =
            new SmallClassifier(new SmallClassifier.Config(1, side, 8, 3), stream, seed, false)) {
      Map<String, String> metadata = new LinkedHashMap<>(network.config().metadata().toMap());
      metadata.put("format", "pt");
      ModelFile.save(file, network.parameters(), stream, metadata);
    }
    return file;
  }

  private static FeatureNetworks.Options grid(int grid) {
    return new FeatureNetworks.Options(
        grid, FeaturePixels.DINOV2, PositionResize.TIMM, OptionalInt.empty());
  }

  private void encode(Optional<Path> network, int grid, Path out, int group, long killAt)
      throws IOException {
    EncodeOptions options =
        new EncodeOptions(
            Content.MODE,
            5,
            SIDE,
            Crop.NONE,
            DecodeOptions.DEFAULT,
            true,
            false,
            ShardFormat.SAFETENSORS,
            4);
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        Vae vae = Vae.load(model, device, VaeOptions.defaults())) {
      Optional<PatchFeatures> features =
          network.isEmpty()
              ? Optional.empty()
              : Optional.of(FeatureNetworks.open(network.get(), stream, SIDE, grid(grid)));
      try {
        EncodeJob.Listener listener =
            new EncodeJob.Listener() {
              @Override
              public void encoded(long images) {
                if (images >= killAt) {
                  throw new IllegalStateException("killed");
                }
              }

              @Override
              public void broken(String name, String cause) {}
            };
        new EncodeJob(
                model,
                vae,
                features,
                pictures,
                options,
                out,
                group,
                Optional.empty(),
                false,
                listener)
            .run();
      } finally {
        features.ifPresent(PatchFeatures::close);
      }
    }
  }

  private static float[] read(LatentFolder latents, int image, boolean mirrored) {
    FeatureGrid grid = latents.features().orElseThrow();
    float[] out = new float[grid.side() * grid.side() * grid.width()];
    latents.readFeatures(image, mirrored, out, 0);
    return out;
  }

  @Test
  void featuresAreThoseOfThePicturesAndOfTheMirroredOnes() throws IOException {
    Path network = classifier("net", SIDE, 1);
    Path out = folder.resolve("latents");
    encode(Optional.of(network), 0, out, 3, Long.MAX_VALUE);
    try (LatentFolder latents = LatentFolder.open(out);
        Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        PatchFeatures features = FeatureNetworks.open(network, stream, SIDE, grid(0))) {
      FeatureGrid grid = latents.features().orElseThrow();
      assertEquals("eqvae-classifier-3-classes-16-px", grid.network());
      assertEquals(features.sha256(), grid.sha256());
      assertEquals("16 pixels from -1 to 1", grid.preprocessing());
      assertEquals(2, grid.side());
      assertEquals(64, grid.width());
      for (int i = 0; i < IMAGES; i++) {
        Image picture = Images.read(pictures.resolve("a/p%02d.png".formatted(i)));
        assertArrayEquals(features.of(List.of(picture)), read(latents, i, false));
        assertArrayEquals(features.of(List.of(picture.flipHorizontal())), read(latents, i, true));
        assertFalse(Arrays.equals(read(latents, i, false), read(latents, i, true)));
      }
    }
  }

  /** The mean of the places of a picture is what the classifier's own features are. */
  @Test
  void aCoarserGridHasTheMeans() throws IOException {
    Path network = classifier("net", 32, 1);
    byte[] data = new byte[32 * 32];
    new Random(4).nextBytes(data);
    List<Image> one = List.of(new Image(32, 32, 1, data));
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        PatchFeatures all = FeatureNetworks.open(network, stream, 32, grid(0));
        PatchFeatures two = FeatureNetworks.open(network, stream, 32, grid(2))) {
      assertEquals(4, all.side());
      assertEquals("32 pixels from -1 to 1; means of 2×2 places", two.preprocessing());
      float[] fine = all.of(one);
      float[] coarse = two.of(one);
      for (int f = 0; f < 64; f++) {
        for (int p = 0; p < 4; p++) {
          int from = p / 2 * 8 + p % 2 * 2;
          double mean = 0;
          for (int k : new int[] {0, 1, 4, 5}) {
            mean += fine[(from + k) * 64 + f] / 4.0;
          }
          assertEquals(mean, coarse[p * 64 + f], 1e-5);
        }
      }
      assertThrows(
          EqvaeException.Argument.class,
          () -> FeatureNetworks.open(network, stream, 32, grid(3)).close());
      assertThrows(
          EqvaeException.Argument.class,
          () -> FeatureNetworks.open(network, stream, 64, grid(0)).close());
    }
  }

  /** Of a vision transformer the places are its patches; a coarser grid has their means, too. */
  @Test
  void featuresOfAVitClassifierAreItsPatches() throws IOException {
    Path network =
        TinyClassifier.write(folder, new VitClassifier.Config(1, SIDE, 4, 8, 1, 2, 3), "vit", 1);
    Path out = folder.resolve("latents");
    encode(Optional.of(network), 2, out, 3, Long.MAX_VALUE);
    try (LatentFolder latents = LatentFolder.open(out);
        Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        PatchFeatures all = FeatureNetworks.open(network, stream, SIDE, grid(0))) {
      FeatureGrid grid = latents.features().orElseThrow();
      assertEquals("eqvae-vit-classifier-3-classes-16-px", grid.network());
      assertEquals("16 pixels from -1 to 1; means of 2×2 places", grid.preprocessing());
      assertEquals(2, grid.side());
      assertEquals(8, grid.width());
      assertEquals(4, all.side());
      Image picture = Images.read(pictures.resolve("a/p03.png"));
      float[] fine = all.of(List.of(picture));
      float[] coarse = read(latents, 3, false);
      for (int f = 0; f < 8; f++) {
        double mean = (fine[f] + fine[8 + f] + fine[4 * 8 + f] + fine[5 * 8 + f]) / 4.0;
        assertEquals(mean, coarse[f], 1e-5);
      }
    }
  }

  @Test
  void aKilledJobGoesOnToTheSameBits() throws IOException {
    Optional<Path> network = Optional.of(classifier("net", SIDE, 1));
    Path whole = folder.resolve("whole");
    encode(network, 0, whole, 2, Long.MAX_VALUE);
    Path parts = folder.resolve("parts");
    assertThrows(IllegalStateException.class, () -> encode(network, 0, parts, 3, 6));
    encode(network, 0, parts, 3, Long.MAX_VALUE);
    for (String file : List.of("latents-00000.safetensors", "latents-00001.safetensors")) {
      assertArrayEquals(
          Files.readAllBytes(whole.resolve(file)), Files.readAllBytes(parts.resolve(file)), file);
    }
  }

  /** Shards with features of two networks, or of none, must not lie side by side. */
  @Test
  void otherFeaturesAreOtherSettings() throws IOException {
    Optional<Path> network = Optional.of(classifier("net", SIDE, 1));
    Path out = folder.resolve("latents");
    encode(network, 0, out, 2, Long.MAX_VALUE);
    Optional<Path> other = Optional.of(classifier("other", SIDE, 2));
    for (Optional<Path> now : List.of(other, Optional.<Path>empty())) {
      EqvaeException.Argument e =
          assertThrows(EqvaeException.Argument.class, () -> encode(now, 0, out, 2, Long.MAX_VALUE));
      assertTrue(e.getMessage().contains("features: there {"), e.getMessage());
    }
    Path without = folder.resolve("without");
    encode(Optional.empty(), 0, without, 2, Long.MAX_VALUE);
    Path index = without.resolve("index.json");
    String said = Files.readString(index);
    Files.writeString(index, said.replaceFirst("(?m)^  \"features\" : null,\n", ""));
    assertFalse(Files.readString(index).contains("features"));
    encode(Optional.empty(), 0, without, 2, Long.MAX_VALUE); // an index of before is gone on with
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class, () -> encode(network, 0, without, 2, Long.MAX_VALUE));
    assertTrue(e.getMessage().contains("features: there null, now {"), e.getMessage());
  }

  /** The rule of positions is in the index; one of before, without it, is gone on with. */
  @Test
  void theRuleOfPositionsIsRecorded() throws IOException {
    Path plain =
        Path.of(
            System.getProperty("eqvae.root"),
            "java/src/test/resources/io/github/eqvae/generator/plain-vit.safetensors");
    Path network = folder.resolve("vit.safetensors");
    Dinov2Weights.write(plain, OptionalInt.of(3), network);
    Path out = folder.resolve("latents");
    encode(Optional.of(network), 2, out, 2, Long.MAX_VALUE);
    try (LatentFolder latents = LatentFolder.open(out)) {
      assertEquals(Optional.of("timm"), latents.features().orElseThrow().positions());
    }
    Path index = out.resolve("index.json");
    String before = Files.readString(index).replaceFirst("(?m)^ *\"positions\" : \"timm\",\n", "");
    Files.writeString(index, before);
    encode(Optional.of(network), 2, out, 2, Long.MAX_VALUE);
    Files.writeString(index, before.replace("as timm fits", "as hub fits"));
    EqvaeException.Argument e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> encode(Optional.of(network), 2, out, 2, Long.MAX_VALUE));
    assertTrue(e.getMessage().contains("as hub fits"), e.getMessage());
  }
}
