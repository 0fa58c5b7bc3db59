package io.github.eqvae.generator;

import static io.github.eqvae.testing.GoldenFile.doubles;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.generator.checkpoint.FeatureNetworks;
import io.github.eqvae.generator.checkpoint.VitCheckpoint;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.io.SafetensorsWriter;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Compare;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Vision transformers without LayerScale, such as those of MAE and most of timm's: the scales are
 * ones. {@code vit.py} made the files.
 */
class PlainVitTest {
  private static final OptionalInt HEADS = OptionalInt.of(3);
  private static final int SIDE = 16;
  private static final int PATCH = 4;

  @TempDir Path folder;

  private static Path file(String name) {
    return Path.of(
        System.getProperty("eqvae.root"),
        "java/src/test/resources/io/github/eqvae/generator",
        name + ".safetensors");
  }

  /** All tokens of pictures {@code [N, side, side, 3]}, the prefix first: {@code [N, T, D]}. */
  private static float[] tokens(Path weights, double[] pixels, int side) throws IOException {
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test");
        VitCheckpoint checkpoint = VitCheckpoint.open(weights, HEADS);
        VisionTransformer vit = checkpoint.load(stream, PositionResize.TIMM)) {
      Tensor x = arena.tensor(Shape.of(pixels.length / side / side / 3, side, side, 3));
      x.set(stream, pixels);
      VisionTransformer.Tokens tokens =
          vit.forward(new Tape(stream, arena, Tape.Mode.INFERENCE), x);
      long n = x.shape().dim(0);
      long prefix = tokens.prefix().shape().dim(1);
      long count = tokens.patches().shape().dim(1);
      Tensor all = arena.tensor(Shape.of(n, prefix + count, vit.config().width()));
      tokens.prefix().copyTo(stream, all.narrow(1, 0, prefix));
      tokens.patches().copyTo(stream, all.narrow(1, prefix, count));
      return all.toFloats(stream);
    }
  }

  /** Also of pictures for which the table of positions is resized. */
  @ParameterizedTest
  @ValueSource(ints = {16, 24})
  void tokensAreTimms(int side) throws IOException {
    try (GoldenFile timm = GoldenFile.open(file("plain-vit-tokens"))) {
      double[] stored = timm.nhwc("in.pixels");
      double[] pixels = new double[2 * side * side * 3];
      for (int i = 0; i < pixels.length; i++) {
        int x = i / 3 % side % SIDE;
        int y = i / 3 / side % side % SIDE;
        int n = i / 3 / side / side;
        pixels[i] = stored[((n * SIDE + y) * SIDE + x) * 3 + i % 3];
      }
      double[] expected = timm.values("out." + side);
      double[] bounds = new double[expected.length];
      Arrays.fill(bounds, 5e-6 * Compare.maximum(expected));
      double[] ours = doubles(tokens(file("plain-vit"), pixels, side));
      Compare.within("tokens", Shape.of(expected.length), expected, ours, bounds);
    }
  }

  /** A copy of DINOv2's golden weights with some scales, which are ones. */
  private Path scaled(String naming, Predicate<String> kept) throws IOException {
    Path from =
        GoldenFile.all()
            .getFirst()
            .resolveSibling("dinov2_reg0_weights_" + naming + ".safetensors");
    Path to = folder.resolve(naming + ".safetensors");
    List<SafetensorsWriter.Entry> entries = new ArrayList<>();
    try (SafetensorsFile file = SafetensorsFile.open(from)) {
      for (String name : file.names()) {
        boolean scale = name.endsWith(".gamma");
        if (!scale || kept.test(name)) {
          float[] values = file.floats(name);
          if (scale) {
            Arrays.fill(values, 1);
          }
          entries.add(SafetensorsWriter.Entry.floats(name, values, file.info(name).shape()));
        }
      }
    }
    SafetensorsWriter.write(to, entries, Map.of());
    return to;
  }

  @ParameterizedTest
  @ValueSource(strings = {"hub", "timm"})
  void noScalesAreOnes(String naming) throws IOException {
    double[] pixels = new Random(5).doubles(28 * 28 * 3, -2, 2).toArray();
    float[] ones = tokens(scaled(naming, name -> true), pixels, 28);
    assertArrayEquals(ones, tokens(scaled(naming, name -> false), pixels, 28));
    assertTrue(ones[0] != 0);
  }

  /** A file that lost some scales is broken, not plain. */
  @Test
  void halfTheScalesAreMissing() throws IOException {
    Path half = scaled("hub", name -> !name.equals("blocks.1.ls2.gamma"));
    EqvaeException e =
        assertThrows(EqvaeException.Argument.class, () -> tokens(half, new double[588], 14));
    assertTrue(e.getMessage().contains("blocks.1.ls2.gamma"), e.getMessage());
  }

  private static Image noise(int side) {
    byte[] data = new byte[side * side * 3];
    new Random(7).nextBytes(data);
    return new Image(side, side, 3, data);
  }

  private static FeatureNetworks.Options options(FeaturePixels pixels, int grid) {
    return new FeatureNetworks.Options(grid, pixels, PositionResize.TIMM, HEADS);
  }

  @ParameterizedTest
  @EnumSource(FeaturePixels.class)
  void picturesArePreparedAsAsked(FeaturePixels how) throws IOException {
    Image picture = noise(SIDE);
    float[] rgb = new float[picture.data().length];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = picture.data()[i] & 0xff;
    }
    int grid = how == FeaturePixels.MAE ? SIDE / PATCH : 6;
    double[] pixels = doubles(how.prepare(rgb, SIDE, grid * PATCH));
    float[] all = tokens(file("plain-vit"), pixels, grid * PATCH);
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        PatchFeatures features =
            FeatureNetworks.open(file("plain-vit"), stream, SIDE, options(how, grid))) {
      float[] patches = Arrays.copyOfRange(all, features.width(), all.length);
      assertArrayEquals(patches, features.of(List.of(picture)), 1e-5f);
      assertEquals(how == FeaturePixels.CLIP, features.preprocessing().contains("CLIP's mean"));
      assertEquals(how != FeaturePixels.MAE, features.preprocessing().contains("to 24 pixels"));
      assertEquals("timm", features.positions().orElseThrow());
      assertEquals("vit-24-wide-2-deep", features.network());
    }
  }

  /** Without resizing, the picture alone says how many patches there are. */
  @Test
  void maesGridIsThePictures() throws IOException {
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device)) {
      try (PatchFeatures own =
          FeatureNetworks.open(file("plain-vit"), stream, 20, options(FeaturePixels.MAE, 0))) {
        assertEquals(5, own.side());
        assertFalse(own.preprocessing().contains("bicubic"), own.preprocessing());
      }
      for (int[] refused : new int[][] {{18, 0}, {SIDE, 6}}) {
        EqvaeException e =
            assertThrows(
                EqvaeException.Argument.class,
                () ->
                    FeatureNetworks.open(
                            file("plain-vit"),
                            stream,
                            refused[0],
                            options(FeaturePixels.MAE, refused[1]))
                        .close());
        assertTrue(e.getMessage().contains("patches of 4"), e.getMessage());
        assertTrue(e.getMessage().contains("choose another preparation"), e.getMessage());
      }
    }
  }
}
