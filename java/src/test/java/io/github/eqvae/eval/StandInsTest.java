package io.github.eqvae.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.GoldenFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * The recorded figures are close enough together that evaluators with one thing else do not agree
 * with them: another rounding, one channel more or less, another neighbour. Each of these stand-ins
 * must miss the tolerance that the real one keeps.
 */
class StandInsTest {
  /** How far a figure is from the recorded one, in units of what is allowed. */
  private interface Misses {
    double of(GoldenFile golden) throws IOException;
  }

  private static void only(String tensor, Misses real, Map<String, Misses> standIns)
      throws IOException {
    Path path = GoldenFile.needed(tensor).getFirst();
    try (GoldenFile golden = GoldenFile.open(path)) {
      assertTrue(real.of(golden) <= 1, "the real one misses by " + real.of(golden));
      for (Map.Entry<String, Misses> e : standIns.entrySet()) {
        double by = e.getValue().of(golden);
        assertTrue(by > 1, e.getKey() + " is not seen: " + by + " of what is allowed");
      }
    }
  }

  /** How a stand-in resizes. */
  private enum Rounding {
    REAL,
    COORDINATE_IN_DOUBLE,
    SUM_IN_DOUBLE,
    PIXELS_CENTRED,
    CHANNELS_TURNED
  }

  private static float resized(byte[] in, int[] size, int y, int x, int c, Rounding how) {
    double[] at = new double[2];
    int[] lower = new int[2];
    int[] upper = new int[2];
    for (int k = 0; k < 2; k++) {
      int i = k == 0 ? y : x;
      float scale = size[k] / 299f;
      double place = how == Rounding.COORDINATE_IN_DOUBLE ? i * (size[k] / 299.0) : i * scale;
      if (how == Rounding.PIXELS_CENTRED) {
        place = Math.max(0, (i + 0.5f) * scale - 0.5f);
      }
      lower[k] = (int) Math.floor(place);
      upper[k] = Math.min(lower[k] + 1, size[k] - 1);
      at[k] = place - lower[k];
    }
    int channel = how == Rounding.CHANNELS_TURNED ? 2 - c : c;
    int[] p = new int[4];
    for (int k = 0; k < 4; k++) {
      int row = k < 2 ? lower[0] : upper[0];
      int column = k % 2 == 0 ? lower[1] : upper[1];
      p[k] = in[(row * size[1] + column) * 3 + channel] & 0xff;
    }
    if (how == Rounding.SUM_IN_DOUBLE) {
      double top = p[0] + (p[1] - p[0]) * (double) (float) at[1];
      double bottom = p[2] + (p[3] - p[2]) * (double) (float) at[1];
      return (float) (top + (bottom - top) * (double) (float) at[0]);
    }
    float right = (float) at[1];
    float top = p[0] + (p[1] - p[0]) * right;
    float bottom = p[2] + (p[3] - p[2]) * right;
    return top + (bottom - top) * (float) at[0];
  }

  /** Numbers of a row that are not the recorded ones to the bit. */
  private static double otherBits(GoldenFile golden, Rounding how) {
    Shape shape = golden.shape("in.i37x53");
    int[] size = {shape.size(1), shape.size(2)};
    double[] planes = golden.values("in.i37x53");
    byte[] pixels = new byte[planes.length];
    for (int i = 0; i < planes.length; i++) {
      int c = i / (size[0] * size[1]);
      pixels[i % (size[0] * size[1]) * 3 + c] = (byte) (int) planes[i];
    }
    double[] row = golden.values("tf1.i37x53.row150");
    int other = 0;
    for (int i = 0; i < row.length; i++) {
      other += row[i] == resized(pixels, size, 150, i % 299, i / 299, how) ? 0 : 1;
    }
    return 2 * other;
  }

  @Test
  void resizing() throws IOException {
    Map<String, Misses> standIns = new LinkedHashMap<>();
    for (Rounding how : Rounding.values()) {
      if (how != Rounding.REAL) {
        standIns.put(how.toString(), golden -> otherBits(golden, how));
      }
    }
    only("in.i37x53", golden -> otherBits(golden, Rounding.REAL), standIns);
  }

  private interface Change {
    float[] of(float[] features, int width);
  }

  private static GaussianStatistics statistics(GoldenFile golden, String tensor, Change change) {
    int width = GoldenEvaluationTest.width(golden, tensor);
    float[] features = change.of(GoldenEvaluationTest.floats(golden, tensor), width);
    int n = golden.shape(tensor).size(0);
    FeatureStatistics s = new FeatureStatistics(features.length / n);
    s.add(features);
    return GaussianStatistics.of(s);
  }

  private static double fid(GoldenFile golden, String pair, String a, String b, Change change) {
    GaussianStatistics[] both = {
      statistics(golden, "in." + a, change), statistics(golden, "in." + b, change)
    };
    double exact = golden.values("fid." + pair + ".adm")[0];
    return Math.abs(both[0].distance(both[1]) - exact) / (1e-6 + 1e-6 * exact);
  }

  private static GaussianStatistics dividedByN(GoldenFile golden, String tensor) {
    GaussianStatistics s = statistics(golden, tensor, (f, width) -> f);
    double n = golden.shape(tensor).size(0);
    double[] covariance = Arrays.stream(s.covariance()).map(v -> v * (n - 1) / n).toArray();
    return new GaussianStatistics(s.mean(), covariance);
  }

  /** Every seventh number is a channel's. */
  private static float[] without(float[] features, int channel) {
    float[] out = new float[features.length / 7 * 6];
    int to = 0;
    for (int i = 0; i < features.length; i++) {
      if (i % 7 != channel) {
        out[to++] = features[i];
      }
    }
    return out;
  }

  private static float[] half(float[] features) {
    float[] out = features.clone();
    for (int i = 0; i < out.length; i++) {
      out[i] = Float.float16ToFloat(Float.floatToFloat16(out[i]));
    }
    return out;
  }

  @Test
  void distances() throws IOException {
    Change none = (f, width) -> f;
    only(
        "in.spatialA",
        golden -> fid(golden, "normal", "A", "B", none),
        Map.of(
            "features in half precision",
            golden -> fid(golden, "normal", "A", "B", (f, width) -> half(f)),
            "covariance divided by n",
            golden -> {
              double exact = golden.values("fid.normal.adm")[0];
              double ours = dividedByN(golden, "in.A").distance(dividedByN(golden, "in.B"));
              return Math.abs(ours - exact) / (1e-6 + 1e-6 * exact);
            },
            "the last feature left out",
            golden ->
                fid(
                    golden,
                    "normal",
                    "A",
                    "B",
                    (f, width) -> {
                      float[] g = f.clone();
                      for (int i = width - 1; i < g.length; i += width) {
                        g[i] = 0;
                      }
                      return g;
                    })));
    only(
        "in.spatialA",
        golden -> fid(golden, "spatial", "spatialA", "spatialB", none),
        Map.of(
            "six channels",
            golden -> fid(golden, "spatial", "spatialA", "spatialB", (f, width) -> without(f, 6)),
            "the other six",
            golden -> fid(golden, "spatial", "spatialA", "spatialB", (f, width) -> without(f, 0))));
  }

  private static double score(GoldenFile golden, int part, int leftOut, double power) {
    double[] logits = golden.values("is.logits");
    int classes = golden.shape("is.logits").size(1);
    InceptionScore score = InceptionScore.parts(classes, part);
    double[] used = Arrays.copyOf(logits, logits.length - leftOut * classes);
    for (int i = 0; i < used.length; i++) {
      used[i] *= power;
    }
    score.add(used);
    double expected = golden.values("is.adm.split100")[0];
    return Math.abs(score.value().mean() - expected) / (1e-5 * expected);
  }

  @Test
  void scores() throws IOException {
    only(
        "is.logits",
        golden -> score(golden, 100, 0, 1),
        Map.of(
            "parts of 101", golden -> score(golden, 101, 0, 1),
            "without the short part", golden -> score(golden, 100, 50, 1),
            "without the last image", golden -> score(golden, 100, 1, 1),
            "logits in other units", golden -> score(golden, 100, 0, 1.001)));
  }

  private static double shares(GoldenFile golden, int k, boolean turned) throws IOException {
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        FeatureRows ref = GoldenEvaluationTest.rows(golden, "in.pr_ref", Integer.MAX_VALUE);
        FeatureRows gen = GoldenEvaluationTest.rows(golden, "in.pr_gen", Integer.MAX_VALUE)) {
      PrecisionRecall.Value value =
          turned
              ? PrecisionRecall.of(gen, ref, k, stream)
              : PrecisionRecall.of(ref, gen, k, stream);
      double precision = golden.values("pr.adm.normal.precision")[0];
      double recall = golden.values("pr.adm.normal.recall")[0];
      return Math.max(Math.abs(value.precision() - precision), Math.abs(value.recall() - recall))
          / 1e-3;
    }
  }

  @Test
  void precisionAndRecall() throws IOException {
    only(
        "in.pr_ref",
        golden -> shares(golden, 3, false),
        Map.of(
            "itself as a neighbour", golden -> shares(golden, 2, false),
            "the fourth", golden -> shares(golden, 4, false),
            "the sides exchanged", golden -> shares(golden, 3, true)));
  }

  /** The stand-in for resizing is the code's own arithmetic, so its mutations are of that. */
  @Test
  void theStandInResizesAsTheCodeDoes() throws IOException {
    byte[] pixels = new byte[37 * 53 * 3];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (i * 37);
    }
    float[] out = new float[299 * 299 * 3];
    TensorFlowResize.bilinear(pixels, 37, 53, 3, 299, out, 0);
    for (int i = 0; i < out.length; i++) {
      int y = i / 3 / 299;
      int x = i / 3 % 299;
      float own = resized(pixels, new int[] {37, 53}, y, x, i % 3, Rounding.REAL);
      assertEquals(own, out[i], 0, "at " + i);
    }
  }
}
