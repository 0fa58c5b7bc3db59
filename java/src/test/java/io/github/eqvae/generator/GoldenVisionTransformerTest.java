package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.generator.checkpoint.VitCheckpoint;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The vision transformer against what facebookresearch/dinov2, timm, transformers and REPA's loader
 * compute with the same weights under their own names.
 */
class GoldenVisionTransformerTest {
  private static final int LARGEST_UNDER_THE_SHIM = 224;

  /** Whose file of weights, and how positions are fitted. */
  private record Library(String weights, PositionResize resize) {}

  private static final Map<String, Library> LIBRARIES =
      Map.of(
          "hub", new Library("hub", PositionResize.HUB),
          "timm", new Library("timm", PositionResize.TIMM),
          "hf", new Library("hf", PositionResize.TRANSFORMERS),
          "repa", new Library("hub", PositionResize.TIMM));

  private static List<Path> outputs() throws IOException {
    List<Path> files = new ArrayList<>();
    for (Path path : GoldenFile.all()) {
      if (path.getFileName().toString().matches("dinov2_.*_out\\.safetensors")) {
        files.add(path);
      }
    }
    return files;
  }

  private static Path weights(Path outputs, String library) {
    String name = outputs.getFileName().toString().replace("_out.", "_weights_" + library + ".");
    return outputs.resolveSibling(name);
  }

  static List<Arguments> onDevices() throws IOException {
    List<Arguments> all = new ArrayList<>();
    for (Path file : outputs()) {
      try (GoldenFile golden = GoldenFile.open(file)) {
        for (String run : runs(golden)) {
          int side = Integer.parseInt(run.replaceAll(".*x", ""));
          for (String device : Devices.computing()) {
            if (!device.equals("simt") || side <= LARGEST_UNDER_THE_SHIM) {
              all.add(Arguments.of(device, file, run));
            }
          }
        }
      }
    }
    return all;
  }

  /** Of {@code hub.224x224.patch} it is {@code hub.224x224}. */
  private static TreeSet<String> runs(GoldenFile golden) {
    TreeSet<String> runs = new TreeSet<>();
    golden.names().stream()
        .filter(n -> n.matches(".*\\.(patch|cls|reg|all|pos)"))
        .forEach(n -> runs.add(n.substring(0, n.lastIndexOf('.'))));
    return runs;
  }

  @Test
  void theFilesAreThere() throws IOException {
    assertFalse(outputs().isEmpty());
  }

  /** A network of a file on a device. */
  private static final class Running implements AutoCloseable {
    private final Device device;
    private final Stream stream;
    private final TensorArena arena;
    private final VisionTransformer vit;

    Running(String device, Path weights, PositionResize resize, int heads) throws IOException {
      this.device = Device.open(device);
      stream = new Stream(this.device);
      arena = new TensorArena(this.device, "vit", false);
      try (VitCheckpoint file = VitCheckpoint.open(weights, OptionalInt.of(heads))) {
        assertTrue(file.report().isClean(), () -> file.report().lines().toString());
        vit = file.load(stream, resize);
      }
    }

    /** Class token, registers, patches: {@code [T, D]}. */
    double[] tokens(int h, int w) throws IOException {
      Tensor images = arena.tensor(Shape.of(1, h, w, 3), device.dtype());
      images.set(stream, pixels(h, w));
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      VisionTransformer.Tokens tokens = vit.forward(tape, images);
      double[] prefix = read(tokens.prefix());
      double[] all =
          Arrays.copyOf(prefix, prefix.length + (int) tokens.patches().shape().elements());
      double[] patches = read(tokens.patches());
      System.arraycopy(patches, 0, all, prefix.length, patches.length);
      return all;
    }

    private double[] read(Tensor t) {
      Tensor dense = arena.tensor(t.shape(), t.dtype());
      t.copyTo(stream, dense);
      return dense.toDoubles(stream);
    }

    @Override
    public void close() {
      vit.close();
      arena.close();
      stream.close();
      device.close();
    }
  }

  /** The input that README of the files gives: the picture, tiled, less 128, over 64. */
  private static double[] pixels(int h, int w) throws IOException {
    Path file = GoldenFile.all().getFirst().resolveSibling("dinov2_image.safetensors");
    try (GoldenFile golden = GoldenFile.open(file)) {
      Shape s = golden.shape("image"); // [3, rows, columns]
      double[] image = golden.values("image");
      double[] out = new double[h * w * 3];
      for (int i = 0; i < out.length; i++) {
        int c = i % 3;
        int y = i / 3 / w % s.size(1);
        int x = i / 3 % w % s.size(2);
        out[i] = (image[(c * s.size(1) + y) * s.size(2) + x] - 128) / 64;
      }
      return out;
    }
  }

  /** No tensor tells the heads: those with which torch.hub's class token is nearest. */
  private static int heads(GoldenFile golden, Path file) throws IOException {
    String run = runs(golden).stream().filter(r -> r.startsWith("hub.")).findFirst().orElseThrow();
    int width = golden.shape(run + ".cls").size(1);
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int heads : IntStream.rangeClosed(1, width).filter(h -> width % h == 0).toArray()) {
      try (Running net = new Running("cpu", weights(file, "hub"), PositionResize.HUB, heads)) {
        double[] cls = Arrays.copyOf(net.tokens(side(run, 0), side(run, 1)), width);
        double distance = golden.distance(run + ".cls", golden.values(run + ".cls"), cls);
        best = distance < least ? heads : best;
        least = Math.min(least, distance);
      }
    }
    return best;
  }

  private static int side(String run, int axis) {
    return Integer.parseInt(run.substring(run.indexOf('.') + 1).split("x")[axis]);
  }

  @ParameterizedTest
  @MethodSource("onDevices")
  void tokensAreTheLibrarys(String device, Path file, String run) throws IOException {
    Library library = LIBRARIES.get(run.substring(0, run.indexOf('.')));
    try (GoldenFile golden = GoldenFile.open(file);
        Running net =
            new Running(
                device, weights(file, library.weights()), library.resize(), heads(golden, file))) {
      double[] all = net.tokens(side(run, 0), side(run, 1));
      int width = net.vit.config().width();
      int registers = net.vit.config().registers();
      int compared = 0;
      for (String part : List.of("all", "cls", "reg", "patch")) {
        int from =
            List.of("all", "cls").contains(part) ? 0 : part.equals("reg") ? 1 : 1 + registers;
        int to = part.equals("cls") ? 1 : part.equals("reg") ? 1 + registers : all.length / width;
        if (golden.has(run + "." + part)) {
          golden.compare(run + "." + part, Arrays.copyOfRange(all, from * width, to * width));
          compared++;
        }
      }
      if (golden.has(run + ".pos")) {
        int patch = net.vit.config().patch();
        float[] table = net.vit.positions(net.stream, side(run, 0) / patch, side(run, 1) / patch);
        double[] positions = new double[table.length];
        Arrays.setAll(positions, i -> table[i]);
        golden.compare(run + ".pos", positions);
        compared++;
      }
      assertTrue(compared > 0);
    }
  }

  /** Each library's table is told from those of the other two, where they differ at all. */
  @Test
  void anotherRuleOfPositionsIsSeen() throws IOException {
    int seen = 0;
    for (Path file : outputs()) {
      try (GoldenFile golden = GoldenFile.open(file)) {
        for (String run : runs(golden)) {
          if (!golden.has(run + ".pos") || file.toString().contains("_reg4_")) {
            continue; // with registers the three agree
          }
          Library library = LIBRARIES.get(run.substring(0, run.indexOf('.')));
          for (PositionResize other : PositionResize.values()) {
            if (other != library.resize()) {
              assertTrue(positionsMissBy(golden, file, run, other) > 1, run + " as " + other);
              seen++;
            }
          }
        }
      }
    }
    assertTrue(seen > 0);
  }

  /** In units of what is allowed. */
  private static double positionsMissBy(
      GoldenFile golden, Path file, String run, PositionResize resize) throws IOException {
    String weights = LIBRARIES.get(run.substring(0, run.indexOf('.'))).weights();
    try (Running net = new Running("cpu", weights(file, weights), resize, 1)) {
      int patch = net.vit.config().patch();
      float[] table = net.vit.positions(net.stream, side(run, 0) / patch, side(run, 1) / patch);
      return golden.distance(run + ".pos", golden.values(run + ".pos"), GoldenFile.doubles(table));
    }
  }

  /** What the files leave out as equal: at the table's own size nothing is fitted. */
  @Test
  void threeNamingsGiveTheSameTokens() throws IOException {
    for (Path file : outputs()) {
      try (GoldenFile golden = GoldenFile.open(file)) {
        int heads = heads(golden, file);
        double[] first = null;
        for (String library : List.of("hub", "hf", "timm")) {
          try (Running net =
              new Running("cpu", weights(file, library), PositionResize.TIMM, heads)) {
            double[] tokens = net.tokens(224, 224);
            first = first == null ? tokens : first;
            if (library.equals("timm") && net.vit.config().registers() > 0) {
              double largest = Arrays.stream(first).map(Math::abs).max().orElseThrow();
              for (int i = 0; i < first.length; i++) { // its class token was added up in fp32
                assertEquals(first[i], tokens[i], 1e-5 * largest, "token value " + i);
              }
            } else {
              assertTrue(Arrays.equals(first, tokens), library);
            }
          }
        }
      }
    }
  }

  @Test
  void publishedSizesHaveTheirParameters() {
    Map<VitConfig.Size, Long> counts = // with the mask token's row, as the papers count them
        Map.of(
            VitConfig.Size.SMALL, 22_056_576L,
            VitConfig.Size.BASE, 86_580_480L,
            VitConfig.Size.LARGE, 304_368_640L);
    try (Device device = Device.open("null");
        Stream stream = new Stream(device)) {
      counts.forEach(
          (size, count) -> {
            VitConfig config = VitConfig.dinov2(size, 0);
            try (VisionTransformer vit =
                new VisionTransformer(config, PositionResize.HUB, stream, 0)) {
              assertEquals(count, vit.parameters().count() + config.width(), size.toString());
            }
          });
    }
  }

  @Test
  void picturesArePreparedAsRepaDoes() throws IOException {
    int compared = 0;
    for (Path path : GoldenFile.with("in.image256", "dinov2.256.tl")) {
      try (GoldenFile golden = GoldenFile.open(path)) {
        for (String name : golden.names().stream().filter(n -> n.endsWith(".shape")).toList()) {
          String run = name.substring(0, name.length() - ".shape".length());
          compared += prepared(golden, run);
        }
      }
    }
    assertTrue(compared > 0, "no file has preprocessed pictures");
  }

  private static int prepared(GoldenFile golden, String run) {
    FeaturePixels how =
        FeaturePixels.valueOf(
            run.substring(0, run.indexOf('.')).toUpperCase(java.util.Locale.ROOT));
    int side = Integer.parseInt(run.substring(run.indexOf('.') + 1));
    int of = golden.shape("in.image256").size(1);
    double[] image = golden.values("in.image256");
    float[] rgb = new float[side * side * 3];
    for (int i = 0; i < rgb.length; i++) {
      int y = i / 3 / side % of;
      int x = i / 3 % side % of;
      rgb[i] = (float) image[(i % 3 * of + y) * of + x];
    }
    float[] out = how.prepare(rgb, side);
    int to = how.side(side);
    assertEquals(golden.values(run + ".shape")[2], to, run);
    int compared = 0;
    for (String crop : List.of("tl", "br", "mid")) {
      if (golden.has(run + "." + crop)) {
        int rows = golden.shape(run + "." + crop).size(1);
        int y0 = crop.equals("tl") ? 0 : crop.equals("br") ? to - rows : to / 2 - 5;
        int x0 = crop.equals("tl") ? 0 : crop.equals("br") ? to - rows : 31;
        double[] part = new double[3 * rows * rows];
        for (int i = 0; i < part.length; i++) {
          int y = y0 + i / rows % rows;
          int x = x0 + i % rows;
          part[i] = out[(y * to + x) * 3 + i / rows / rows];
        }
        golden.compare(run + "." + crop, part);
        double[] shifted = new double[part.length];
        for (int i = 0; i < part.length; i++) {
          shifted[i] = part[(i + rows * rows) % part.length];
        }
        String name = run + "." + crop;
        assertTrue(golden.distance(name, golden.values(name), shifted) > 1, "channels shifted");
        compared++;
      }
    }
    double[] mean = new double[3];
    double[] squares = new double[3];
    for (int i = 0; i < out.length; i++) {
      mean[i % 3] += out[i] / (to * (double) to);
      squares[i % 3] += (double) out[i] * out[i];
    }
    for (int c = 0; c < 3; c++) {
      assertEquals(golden.values(run + ".mean")[c], mean[c], 1e-5, run);
      double expected = golden.values(run + ".sumsq")[c];
      assertEquals(expected, squares[c], 1e-5 * expected, run);
    }
    return compared;
  }
}
