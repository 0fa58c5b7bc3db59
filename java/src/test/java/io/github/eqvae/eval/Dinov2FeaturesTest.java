package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.FeaturePixels;
import io.github.eqvae.generator.PatchFeatures;
import io.github.eqvae.generator.PositionResize;
import io.github.eqvae.generator.VisionTransformer;
import io.github.eqvae.generator.VitConfig;
import io.github.eqvae.generator.checkpoint.Dinov2Weights;
import io.github.eqvae.generator.checkpoint.FeatureNetworks;
import io.github.eqvae.generator.checkpoint.VitCheckpoint;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.PillowResize;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.GoldenVit;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** DINOv2 as an extractor: dgm-eval's input and token, and one file made of three namings. */
class Dinov2FeaturesTest {
  @TempDir Path folder;

  private static Image noise(int width, int height, int channels) {
    byte[] data = new byte[width * height * channels];
    new Random(7).nextBytes(data);
    return new Image(width, height, channels, data);
  }

  private static OptionalInt heads(int registers) throws IOException {
    return OptionalInt.of(GoldenVit.of(registers).someHeads());
  }

  /** The same numbers under three names become the same file, and give the same features. */
  @ParameterizedTest
  @CsvSource({"0", "4"})
  void threeNamingsAreOneNetwork(int registers) throws IOException {
    List<float[]> tokens = new ArrayList<>();
    List<float[]> patches = new ArrayList<>();
    Set<String> hashes = new HashSet<>();
    for (String naming : List.of("hub", "timm", "hf")) {
      Path from = GoldenVit.file(registers, naming);
      Path to = folder.resolve(naming + ".safetensors");
      VitConfig config = Dinov2Weights.write(from, heads(registers), to);
      assertEquals(registers, config.registers());
      try (VitCheckpoint written = VitCheckpoint.open(to)) {
        assertTrue(written.report().isClean(), written.report().lines()::toString);
        assertEquals(config, written.config(), "heads, too, which no tensor tells");
        assertEquals(registers == 0 ? "timm" : "torch.hub", written.naming());
      }
      FeatureNetworks.Options two =
          new FeatureNetworks.Options(
              2, FeaturePixels.DINOV2, PositionResize.HUB, OptionalInt.empty());
      try (Device device = Device.open("cpu");
          Stream stream = new Stream(device);
          Dinov2Features features = Dinov2Features.load(to, stream);
          PatchFeatures grid = FeatureNetworks.open(to, stream, 32, two)) {
        tokens.add(features.of(List.of(noise(40, 30, 3))).pooled());
        patches.add(grid.of(List.of(noise(32, 32, 3))));
        assertEquals(4 * config.width(), patches.getLast().length);
        boolean folded = naming.equals("timm") && registers > 0;
        if (!folded) { // there the class token has its position in it
          hashes.add(grid.sha256());
        }
        assertEquals(
            "vit-%d-wide-%d-deep".formatted(config.width(), config.depth()), grid.network());
      }
    }
    assertEquals(1, hashes.size());
    assertArrayEquals(tokens.get(0), tokens.get(1), 1e-6f);
    assertArrayEquals(tokens.get(0), tokens.get(2), 0);
    assertArrayEquals(patches.get(0), patches.get(1), 1e-6f);
    assertArrayEquals(patches.get(0), patches.get(2), 0);
  }

  /** Seen: a checkpoint of DINOv2's own training, with blocks in chunks, was no such network. */
  @Test
  void blocksInChunksAreRead() throws IOException {
    Path file = GoldenVit.file(4, "hub");
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    byte[] header = new byte[(int) bytes.getLong()];
    bytes.get(header);
    byte[] changed =
        new String(header, StandardCharsets.UTF_8)
            .replaceAll("\"blocks\\.(\\d+)\\.", "\"blocks.$1.$1.")
            .replaceAll("\"([a-z_]+[.\"])(?=[^:]*:\\{\"dtype)", "\"teacher.backbone.$1")
            .getBytes(StandardCharsets.UTF_8);
    ByteBuffer out =
        ByteBuffer.allocate(8 + changed.length + bytes.remaining())
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(changed.length)
            .put(changed)
            .put(bytes);
    Path chunks = Files.write(folder.resolve("chunks.safetensors"), out.array());
    try (VitCheckpoint hub = VitCheckpoint.open(file, heads(4));
        VitCheckpoint read = VitCheckpoint.open(chunks, heads(4))) {
      assertTrue(read.report().isClean(), read.report().lines()::toString);
      assertEquals(hub.config(), read.config());
      assertEquals(hub.naming(), read.naming());
    }
  }

  /** The class token, not a mean; of 224 pixels, whatever the picture's shape; as hub fits. */
  @Test
  void featuresAreTheClassToken() throws IOException {
    Path file = GoldenVit.file(0, "hub");
    Image picture = noise(50, 31, 1);
    Image square =
        PillowResize.resize(picture.withChannels(3), 224, 224, PillowResize.Filter.BICUBIC);
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        VitCheckpoint checkpoint = VitCheckpoint.open(file, heads(0));
        VisionTransformer vit = checkpoint.load(stream, PositionResize.HUB);
        Dinov2Features features = Dinov2Features.load(file, heads(0), stream)) {
      double[] values = new double[224 * 224 * 3];
      double[] mean = {0.485, 0.456, 0.406};
      double[] deviation = {0.229, 0.224, 0.225};
      for (int i = 0; i < values.length; i++) {
        values[i] = ((square.data()[i] & 0xff) / 255.0 - mean[i % 3]) / deviation[i % 3];
      }
      Tensor x = arena.tensor(Shape.of(1, 224, 224, 3));
      x.set(stream, values);
      float[] prefix =
          vit.forward(new Tape(stream, arena, Tape.Mode.INFERENCE), x).prefix().toFloats(stream);
      float[] token = features.of(List.of(picture)).pooled();
      int width = GoldenVit.of(0).width();
      assertEquals(width, features.size());
      assertArrayEquals(java.util.Arrays.copyOf(prefix, width), token, 2e-5f);
      assertEquals(Protocol.DINOV2, features.protocol());
    }
  }

  /** Two sets of pictures by the rules of the protocol: an FD, and nothing under FID's name. */
  @Test
  void figuresAreNamed() throws IOException {
    Path file = folder.resolve("dinov2.safetensors");
    Dinov2Weights.write(GoldenVit.file(0, "timm"), heads(0), file);
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        Dinov2Features features = Dinov2Features.load(file, stream);
        FeatureSet a = new FeatureSet(features, 2);
        FeatureSet b = new FeatureSet(features, 2)) {
      for (int i = 0; i < 3; i++) {
        a.add(noise(20 + i, 20, 3));
        b.add(noise(40 + 3 * i, 30, 1));
      }
      GeneratedFigures figures = GeneratedFigures.of(Protocol.DINOV2, a, b, stream);
      assertEquals(Set.of("fd_dinov2", "fd_dinov2_residual"), figures.values().keySet());
      assertTrue(figures.values().get("fd_dinov2") > 0);
    }
  }

  @Test
  void otherFilesAreNamed() throws IOException {
    Path file = GoldenVit.file(0, "hub");
    EqvaeException e = assertThrows(EqvaeException.Argument.class, () -> Dinov2Weights.check(file));
    assertTrue(e.getMessage().contains("not a published file"), e.getMessage());
    assertEquals(6, Dinov2Weights.published().size());
    Set<String> hashes = new HashSet<>();
    for (Dinov2Weights.Network network : Dinov2Weights.published()) {
      assertTrue(network.file().hash().matches("[0-9a-f]{64}"));
      assertTrue(hashes.add(network.file().hash()));
      assertEquals(network.registers() > 0, network.file().name().contains("_reg4_"));
    }
    Path text = Files.writeString(folder.resolve("a.safetensors"), "no tensors");
    EqvaeException other =
        assertThrows(
            EqvaeException.Argument.class, () -> Dinov2Weights.write(text, heads(0), file));
    assertTrue(other.getMessage().contains("no checkpoint: it is a text"), other.getMessage());
  }
}
