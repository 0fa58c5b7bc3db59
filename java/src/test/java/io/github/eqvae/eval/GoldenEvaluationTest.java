package io.github.eqvae.eval;

import static io.github.eqvae.testing.GoldenFile.doubles;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.model.InceptionV3;
import io.github.eqvae.op.Interpolation;
import io.github.eqvae.op.Resample;
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
import java.util.stream.IntStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Figures that the evaluators of others gave for stored features: openai/guided-diffusion,
 * torch-fidelity and pytorch-fid. Tolerances are those of the files' README.
 */
class GoldenEvaluationTest {
  private static final Map<String, String[]> PAIRS =
      Map.of(
          "normal", new String[] {"A", "B"},
          "identical", new String[] {"A", "A"},
          "few", new String[] {"few1", "few2"},
          "few_identical", new String[] {"few1", "few1"},
          "dup", new String[] {"dup", "B"},
          "constcol", new String[] {"constcol", "B"},
          "constcol_both", new String[] {"constcol", "constcol"},
          "spatial", new String[] {"spatialA", "spatialB"});

  private static List<DynamicTest> each(String tensor, Check check) throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path path : GoldenFile.needed(tensor)) {
      tests.add(
          DynamicTest.dynamicTest(
              path.getFileName().toString(),
              () -> {
                try (GoldenFile golden = GoldenFile.open(path)) {
                  check.of(golden);
                }
              }));
    }
    return tests;
  }

  private interface Check {
    void of(GoldenFile golden) throws IOException;
  }

  static float[] floats(GoldenFile golden, String tensor) {
    double[] values = golden.values(tensor);
    float[] out = new float[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) values[i];
    }
    return out;
  }

  static int width(GoldenFile golden, String tensor) {
    Shape s = golden.shape(tensor);
    return (int) (s.elements() / s.dim(0));
  }

  private static GaussianStatistics statistics(GoldenFile golden, String tensor) {
    FeatureStatistics statistics = new FeatureStatistics(width(golden, tensor));
    statistics.add(floats(golden, tensor));
    return GaussianStatistics.of(statistics);
  }

  static FeatureRows rows(GoldenFile golden, String tensor, int most) throws IOException {
    int width = width(golden, tensor);
    FeatureRows rows = new FeatureRows(width);
    float[] all = floats(golden, tensor);
    rows.add(Arrays.copyOf(all, (int) Math.min(all.length, (long) most * width)));
    return rows;
  }

  @TestFactory
  List<DynamicTest> frechetDistances() throws IOException {
    return each(
        "in.spatialA",
        golden ->
            PAIRS.forEach(
                (name, pair) -> {
                  double ours =
                      statistics(golden, "in." + pair[0])
                          .distance(statistics(golden, "in." + pair[1]));
                  boolean full = name.equals("normal") || name.equals("dup");
                  double exact = golden.values("fid." + name + ".exact")[0];
                  double tolerance = (full ? 1e-9 : 1e-6) * Math.abs(exact);
                  assertEquals(exact, ours, Math.max(1e-6 * (full ? 0 : 1), tolerance), name);
                  for (String tool : List.of("adm", "torch_fidelity", "pytorch_fid")) {
                    double theirs = golden.values("fid." + name + "." + tool)[0];
                    double few = name.startsWith("few") ? 1e-5 : 1e-6;
                    assertEquals(theirs, ours, few + 1e-6 * Math.abs(theirs), name + " " + tool);
                  }
                }));
  }

  /** The tools keep the mean in single precision. */
  @TestFactory
  List<DynamicTest> statisticsAreNumpys() throws IOException {
    return each(
        "stats.A.sigma",
        golden -> {
          GaussianStatistics ours = statistics(golden, "in.A");
          double[] mean = golden.values("stats.A.mu");
          assertArrayEquals(mean, ours.mean(), 1e-6 * Compare.maximum(mean));
          double[] covariance = golden.values("stats.A.sigma");
          assertArrayEquals(covariance, ours.covariance(), 1e-9 * Compare.maximum(covariance));
        });
  }

  @TestFactory
  List<DynamicTest> inceptionScores() throws IOException {
    return each(
        "is.logits",
        golden -> {
          double[] logits = golden.values("is.logits");
          int classes = golden.shape("is.logits").size(1);
          int n = logits.length / classes;
          for (String name : golden.names()) {
            if (name.matches("is\\.adm\\.split\\d+")) {
              int part = Integer.parseInt(name.replaceAll("\\D", ""));
              InceptionScore score = InceptionScore.parts(classes, part);
              score.add(logits);
              double expected = golden.values(name)[0];
              assertEquals(expected, score.value().mean(), 1e-5 * expected, name);
            } else if (name.matches("is\\.torch_fidelity\\.splits\\d+\\.shuffle\\d")) {
              String[] words = name.split("\\.");
              int splits = Integer.parseInt(words[2].replaceAll("\\D", ""));
              double[] order =
                  words[3].endsWith("1")
                      ? golden.values("rnd.is_permutation")
                      : IntStream.range(0, n).asDoubleStream().toArray();
              compareSplits(golden.values(name), logits, classes, splits, order, name);
            }
          }
        });
  }

  /** torch-fidelity cuts at i·n/splits; each part is a score of its own here. */
  private static void compareSplits(
      double[] expected, double[] logits, int classes, int splits, double[] order, String name) {
    int n = order.length;
    double[] scores = new double[splits];
    for (int i = 0; i < splits; i++) {
      InceptionScore score = InceptionScore.parts(classes, n);
      for (int k = i * n / splits; k < (i + 1) * n / splits; k++) {
        int from = (int) order[k] * classes;
        score.add(Arrays.copyOfRange(logits, from, from + classes));
      }
      scores[i] = score.value().mean();
    }
    double mean = Arrays.stream(scores).average().orElseThrow();
    double square = Arrays.stream(scores).map(s -> (s - mean) * (s - mean)).average().orElseThrow();
    assertEquals(expected[0], mean, 1e-9 * expected[0], name);
    assertEquals(expected[1], Math.sqrt(square), 1e-9 * expected[0], name + " deviation");
  }

  @TestFactory
  List<DynamicTest> kernelDistances() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path features : GoldenFile.with("in.A", "in.B")) {
      tests.addAll(
          each(
              "rnd.kid_indices",
              golden -> {
                try (GoldenFile source = GoldenFile.open(features);
                    FeatureRows a = rows(source, "in.A", Integer.MAX_VALUE);
                    FeatureRows b = rows(source, "in.B", Integer.MAX_VALUE)) {
                  compareKernels(golden, a, b);
                }
              }));
    }
    return tests;
  }

  private static void compareKernels(GoldenFile golden, FeatureRows a, FeatureRows b) {
    double[] indices = golden.values("rnd.kid_indices");
    Shape shape = golden.shape("rnd.kid_indices");
    int size = shape.size(2);
    int[][][] subsets = new int[shape.size(0)][2][size];
    for (int i = 0; i < indices.length; i++) {
      subsets[i / size / 2][i / size % 2][i % size] = (int) indices[i];
    }
    Map<String, KernelDistance.Kernel> kernels =
        Map.of(
            "poly", KernelDistance.Kernel.polynomial(1.0 / a.width(), 1, 3),
            "poly_gamma", KernelDistance.Kernel.polynomial(0.02, 0.5, 2),
            "rbf", KernelDistance.Kernel.gaussian(3));
    kernels.forEach(
        (name, kernel) -> {
          MeanDeviation ours = KernelDistance.of(a, b, subsets, kernel);
          for (String precision : List.of("f64", "f32")) {
            double[] theirs = golden.values("kid." + name + "." + precision);
            double tolerance = precision.equals("f64") ? 1e-9 : 1e-5;
            assertEquals(theirs[0], ours.mean(), tolerance, name + " " + precision);
            assertEquals(theirs[1], ours.deviation(), tolerance, name + " deviation " + precision);
          }
        });
    int most = 60 * a.width();
    for (KernelDistance.Estimator estimator : KernelDistance.Estimator.values()) {
      String name = "mmd2." + estimator.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
      double ours =
          KernelDistance.discrepancy(
              Arrays.copyOf(a.read(0, a.rows()), most),
              Arrays.copyOf(b.read(0, b.rows()), most),
              a.width(),
              kernels.get("poly"),
              estimator);
      assertEquals(golden.values(name)[0], ours, 1e-9, name);
    }
  }

  @TestFactory
  List<DynamicTest> precisionAndRecall() throws IOException {
    return each(
        "in.pr_ref",
        golden -> {
          try (Device device = Device.open("cpu");
              Stream stream = new Stream(device);
              FeatureRows ref = rows(golden, "in.pr_ref", Integer.MAX_VALUE);
              FeatureRows gen = rows(golden, "in.pr_gen", Integer.MAX_VALUE);
              FeatureRows bigRef = rows(golden, "in.pr_big_ref", Integer.MAX_VALUE);
              FeatureRows bigGen = rows(golden, "in.pr_big_gen", Integer.MAX_VALUE)) {
            shares(golden, "normal", ref, gen, stream);
            shares(golden, "overflow", bigRef, bigGen, stream);
            shares(golden, "identical", ref, ref, stream);
            for (Path path : GoldenFile.with("in.dup")) {
              try (GoldenFile features = GoldenFile.open(path);
                  FeatureRows dup = rows(features, "in.dup", 100)) {
                shares(golden, "dup", dup, gen, stream);
              }
            }
            halfPrecision(
                golden, "pr.adm.normal.dist", PrecisionRecall.squaredDistances(gen, ref, stream));
            halfPrecision(
                golden,
                "pr.adm.normal.dist_self",
                PrecisionRecall.squaredDistances(ref, ref, stream));
            halfPrecision(
                golden,
                "pr.adm.overflow.dist",
                PrecisionRecall.squaredDistances(bigGen, bigRef, stream));
            severalNeighbours(golden, ref, gen, stream);
          }
        });
  }

  /** The file has both numbers of neighbours side by side: 3 and 5. */
  private static void severalNeighbours(
      GoldenFile golden, FeatureRows ref, FeatureRows gen, Stream stream) {
    for (int which = 0; which < 2; which++) {
      int k = which == 0 ? PrecisionRecall.NEIGHBOURS : 5;
      PrecisionRecall.Value ours = PrecisionRecall.of(ref, gen, k, stream);
      assertEquals(golden.values("pr.adm.k5.precision")[which], ours.precision(), 1e-12);
      assertEquals(golden.values("pr.adm.k5.recall")[which], ours.recall(), 1e-12);
      radii(golden, "pr.adm.k5.radii_ref", which, PrecisionRecall.squaredRadii(ref, k, stream));
      radii(golden, "pr.adm.k5.radii_gen", which, PrecisionRecall.squaredRadii(gen, k, stream));
    }
  }

  /** Compares with one column of the file's radii. */
  private static void radii(GoldenFile golden, String name, int column, double[] ours) {
    double[] theirs = golden.values(name);
    int columns = theirs.length / ours.length;
    for (int i = 0; i < ours.length; i++) {
      double expected = theirs[columns * i + column];
      assertEquals(expected, ours[i], half(expected), name + " " + i);
    }
  }

  private static void shares(
      GoldenFile golden, String name, FeatureRows ref, FeatureRows gen, Stream stream) {
    PrecisionRecall.Value ours = PrecisionRecall.of(ref, gen, PrecisionRecall.NEIGHBOURS, stream);
    assertEquals(golden.values("pr.adm." + name + ".precision")[0], ours.precision(), 1e-12, name);
    assertEquals(golden.values("pr.adm." + name + ".recall")[0], ours.recall(), 1e-12, name);
    int k = PrecisionRecall.NEIGHBOURS;
    String radii = "pr.adm." + name + ".radii_";
    radii(golden, radii + "ref", 0, PrecisionRecall.squaredRadii(ref, k, stream));
    radii(golden, radii + "gen", 0, PrecisionRecall.squaredRadii(gen, k, stream));
    double[] torch = golden.values("pr.torch_fidelity." + name);
    assertEquals(torch[0], ours.precision(), 1e-6, name);
    assertEquals(torch[1], ours.recall(), 1e-6, name);
  }

  private static double half(double distance) {
    return Math.max(0.25, 5e-3 * distance);
  }

  private static void halfPrecision(GoldenFile golden, String name, double[] ours) {
    double[] theirs = golden.values(name);
    assertEquals(theirs.length, ours.length, name);
    for (int i = 0; i < ours.length; i++) {
      assertEquals(theirs[i], ours[i], half(theirs[i]), name + " " + i);
    }
  }

  @TestFactory
  List<DynamicTest> resizing() throws IOException {
    return each(
        "in.i37x53",
        golden -> {
          for (String name : golden.names()) {
            if (name.startsWith("in.i")) {
              compareResized(golden, name.substring(3));
              comparePytorchs(golden, name.substring(3));
            }
          }
        });
  }

  private static void compareResized(GoldenFile golden, String image) {
    Shape shape = golden.shape("in." + image); // channels first
    int height = shape.size(1);
    int width = shape.size(2);
    double[] planes = golden.values("in." + image);
    byte[] pixels = new byte[planes.length];
    for (int i = 0; i < planes.length; i++) {
      int c = i / (height * width);
      pixels[i % (height * width) * 3 + c] = (byte) (int) planes[i];
    }
    int side = 299;
    float[] out = new float[side * side * 3];
    TensorFlowResize.bilinear(pixels, height, width, 3, side, out, 0);
    Map<String, int[]> crops =
        Map.of("tl", new int[] {0, 0}, "br", new int[] {275, 275}, "mid", new int[] {140, 151});
    crops.forEach(
        (name, at) -> {
          double[] expected = golden.values("tf1." + image + "." + name);
          for (int i = 0; i < expected.length; i++) {
            int c = i / (24 * 24);
            int y = at[0] + i / 24 % 24;
            int x = at[1] + i % 24;
            assertEquals(expected[i], out[(y * side + x) * 3 + c], 0, image + " " + name + " " + i);
          }
        });
    compareMeans(golden, "tf1." + image + ".mean", doubles(out));
    double[] row = golden.values("tf1." + image + ".row150");
    for (int i = 0; i < row.length; i++) {
      assertEquals(row[i], out[(150 * side + i % side) * 3 + i / side], 0, image + " row " + i);
    }
  }

  private static void compareMeans(GoldenFile golden, String name, double[] pixels) {
    double[] mean = new double[3];
    for (int i = 0; i < pixels.length; i++) {
      mean[i % 3] += 3 * pixels[i] / pixels.length;
    }
    double[] expected = golden.values(name);
    assertArrayEquals(expected, mean, 1e-6 * Compare.maximum(expected), name);
  }

  /** Of x/255, as pytorch-fid resizes: what InceptionV3's input is resized by. */
  private static void comparePytorchs(GoldenFile golden, String image) {
    Shape shape = golden.shape("in." + image);
    int side = InceptionV3.SIDE;
    double[] pixels = golden.nhwc("in." + image);
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) pixels[i] / 255f;
    }
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      Tensor x = arena.tensor(Shape.of(1, shape.size(1), shape.size(2), 3));
      x.set(stream, pixels);
      Resample resample = new Resample(side, side, Interpolation.BILINEAR, 0, false, false);
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      double[] out = tape.apply(resample, x).toDoubles(stream);
      compareMeans(golden, "pytorch_fid." + image + ".mean", out);
      for (String name : List.of("tl", "br")) {
        int from = name.equals("tl") ? 0 : side - 24;
        double[] crop = new double[3 * 24 * 24];
        for (int i = 0; i < crop.length; i++) {
          int row = from + i / 24 % 24;
          crop[i] = out[(row * side + from + i % 24) * 3 + i / (24 * 24)];
        }
        golden.compare("pytorch_fid." + image + "." + name, crop);
      }
    }
  }
}
