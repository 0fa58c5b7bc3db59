package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Statistics that a convolution makes of its result are those of a group norm that reads it: of the
 * values as they are stored, so that both may differ only by rounding, and equal those of the
 * reference, computed here from the stored values in double.
 */
class FusedStatisticsTest {
  private static final double EPS = 1e-6;

  private static final List<Precision> ALL = List.of(Precision.values());

  /** What follows from (samples, height, width, channels, groups); the mean of the results. */
  record Case(
      String device,
      Precision precision,
      int n,
      int h,
      int w,
      int in,
      int out,
      int groups,
      double mean) {
    DType dtype() {
      return precision == Precision.BF16 ? DType.BF16 : DType.F32;
    }
  }

  private enum Precision {
    FP32,
    TF32,
    BF16
  }

  static List<Arguments> cases() {
    List<Arguments> cases = new ArrayList<>();
    for (String device : Devices.computing()) {
      for (Precision p : "cpu".equals(device) ? List.of(Precision.FP32) : ALL) {
        for (String d : "simt".equals(device) ? List.of(device, "simt:1") : List.of(device)) {
          // Blocks of rows that end inside a sample, samples inside a block, all widths of a patch.
          add(cases, d, p, 2, 9, 11, 8, 16, 4, 0);
          add(cases, d, p, 3, 5, 5, 3, 12, 2, 0);
          add(cases, d, p, 5, 1, 3, 2, 6, 3, 0);
          add(cases, d, p, 2, 7, 5, 4, 5, 5, 0);
          add(cases, d, p, 2, 13, 10, 32, 72, 9, 0);
          add(cases, d, p, 1, 16, 16, 32, 136, 17, 0);
          add(cases, d, p, 3, 8, 8, 40, 256, 32, 0);
          add(cases, d, p, 2, 6, 7, 32, 40, 5, 300);
          if (p == Precision.BF16) { // slabs, whose patches are 8 × 8 pixels
            add(cases, d, p, 2, 32, 8, 32, 72, 9, 0);
          }
        }
      }
    }
    return cases;
  }

  private static void add(
      List<Arguments> to,
      String d,
      Precision p,
      int n,
      int h,
      int w,
      int in,
      int out,
      int g,
      double m) {
    to.add(Arguments.of(new Case(d, p, n, h, w, in, out, g, m)));
  }

  private static Tensor place(
      Stream stream, TensorArena arena, DType dtype, double[] values, Shape s) {
    Tensor full = arena.tensor(s);
    full.set(stream, values);
    if (dtype == DType.F32) {
      return full;
    }
    Tensor t = arena.tensor(s, dtype);
    full.copyTo(stream, t);
    return t;
  }

  private static double[] read(Stream stream, TensorArena arena, Tensor t) {
    Tensor full = arena.tensor(t.shape());
    t.copyTo(stream, full);
    return full.toDoubles(stream);
  }

  private static double[] random(SplittableRandom random, Shape s, double scale) {
    return random.doubles(s.elements(), -scale, scale).map(v -> (float) v).toArray();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void convolutionsMakeTheStatisticsOfWhatTheyStore(Case c) {
    try (Device device = Device.open(c.device());
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test", false)) {
      if (c.precision() == Precision.TF32) {
        stream.math(MathMode.TF32);
      }
      for (Convolution plain : List.of(new Conv2d(1, 1), new Conv2d(2, 1), new UpsampleConv2d())) {
        SplittableRandom random = new SplittableRandom(c.toString().hashCode());
        Shape image = Shape.of(c.n(), c.h(), c.w(), c.in());
        Shape kernel = Shape.of(c.out(), c.in(), 3, 3);
        Tensor x = place(stream, arena, c.dtype(), random(random, image, 1), image);
        Tensor w = place(stream, arena, DType.F32, random(random, kernel, 0.3), kernel);
        Shape channels = Shape.of(c.out());
        double[] bias = random(random, channels, 1);
        for (int i = 0; i < bias.length; i++) {
          bias[i] += c.mean();
        }
        Tensor b = place(stream, arena, DType.F32, bias, channels);
        GroupStatistics kind = new GroupStatistics(c.groups(), EPS);
        Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
        tape.watch(x);
        List<Tensor> fused = tape.run(plain.with(kind), x, w, b);
        assertEquals(2, fused.size());
        Tensor y = fused.getFirst();
        double[] stats = fused.getLast().toDoubles(stream);
        check(c, y.shape(), read(stream, arena, y), stats, plain.toString());

        Tensor gamma = place(stream, arena, DType.F32, random(random, channels, 1), channels);
        Tensor beta = place(stream, arena, DType.F32, random(random, channels, 1), channels);
        GroupNorm norm = new GroupNorm(c.groups(), EPS, true);
        Tensor given = tape.apply(norm, y, gamma, beta, fused.getLast());
        Tensor own = tape.apply(norm, y, gamma, beta);
        Tensor seed = place(stream, arena, c.dtype(), random(random, y.shape(), 1), y.shape());
        near(c, read(stream, arena, own), read(stream, arena, given), false, plain + " norm");
        Map<Tensor, Tensor> a = tape.gradients(List.of(new Seed(own, seed)), List.of(x));
        Map<Tensor, Tensor> g = tape.gradients(List.of(new Seed(given, seed)), List.of(x));
        near(
            c,
            read(stream, arena, a.get(x)),
            read(stream, arena, g.get(x)),
            true,
            plain + " gradient");
        arena.reset();
      }
    }
  }

  /**
   * The mean is that of the stored values within one rounding to fp32 and those of sums of the
   * values' differences from one of them; so is the deviation.
   */
  private static void check(Case c, Shape s, double[] y, double[] stats, String what) {
    int pixels = s.size(1) * s.size(2);
    int channels = s.size(3);
    int size = channels / c.groups();
    for (int n = 0; n < s.size(0); n++) {
      for (int g = 0; g < c.groups(); g++) {
        double mean = 0;
        double largest = 0;
        for (int i = 0; i < pixels * size; i++) {
          double v = y[(n * pixels + i / size) * channels + g * size + i % size];
          mean += v / (pixels * size);
        }
        double variance = 0;
        for (int i = 0; i < pixels * size; i++) {
          double v = y[(n * pixels + i / size) * channels + g * size + i % size] - mean;
          largest = Math.max(largest, Math.abs(v));
          variance += v * v / (pixels * size);
        }
        double u = 0x1p-24;
        double sums = ErrorBound.gamma(512);
        String at = c + " " + what + " sample " + n + " group " + g + ": ";
        double foundMean = stats[2 * (n * c.groups() + g)];
        assertTrue(
            Math.abs(foundMean - mean) <= u * Math.abs(mean) + sums * 2 * largest,
            () -> at + "mean");
        double found = stats[2 * (n * c.groups() + g) + 1];
        double exact = 1 / Math.sqrt(variance + EPS);
        double relative = sums * 8 * largest * largest / (variance + EPS) + 2 * u;
        double l = largest;
        assertTrue(
            Math.abs(found - exact) <= relative * exact,
            () -> at + "1/std is " + found + ", exact " + exact + " spread " + l);
      }
    }
  }

  /**
   * Within some units in the last place of what a large mean beside a small deviation leaves, or of
   * factors that are rounded after it.
   */
  private static void near(
      Case c, double[] expected, double[] actual, boolean factorsDiffer, String what) {
    double largest = 0;
    for (double v : expected) {
      largest = Math.max(largest, Math.abs(v));
    }
    double unit =
        switch (c.precision()) {
          case FP32 -> 0x1p-20 * (1 + c.mean());
          case TF32 -> factorsDiffer ? 0x1p-10 : 0x1p-20 * (1 + c.mean());
          case BF16 -> 0x1p-7;
        };
    for (int i = 0; i < expected.length; i++) {
      double difference = Math.abs(expected[i] - actual[i]);
      int at = i;
      double most = unit * largest;
      assertTrue(
          difference <= most,
          () -> c + " " + what + " " + at + ": " + expected[at] + " and " + actual[at]);
    }
  }
}
