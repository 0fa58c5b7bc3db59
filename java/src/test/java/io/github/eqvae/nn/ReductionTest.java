package io.github.eqvae.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Devices;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What decides over an update: sums, norms, the count of bad numbers, the adversarial weight. */
class ReductionTest {
  private static final double U = 0x1p-24;
  private static final int SUM = 0;
  private static final int SUM_SQUARES = 1;
  private static final int COUNT_NONFINITE = 2;
  private static final int MAX_ABS = 3;

  /** One element, a warp, a chunk of the processor's and one more, several chunks. */
  private static final int[] SIZES = {1, 32, 16_384, 16_385, 100_003};

  private Device device;
  private Stream stream;
  private TensorArena arena;

  static List<String> devices() {
    return Devices.computing();
  }

  private void open(String name) {
    device = Device.open(name, 2);
    stream = new Stream(device);
    arena = new TensorArena(device, "test");
  }

  @AfterEach
  void close() {
    arena.close();
    stream.close();
    device.close();
  }

  private Tensor tensor(float... values) {
    Tensor t = arena.tensor(Shape.of(values.length));
    t.set(stream, values);
    return t;
  }

  private double reduce(int kind, double scale, Tensor x) {
    Tensor out = arena.tensor(Shape.SCALAR);
    stream.launch(Fn.REDUCE, Struct.REDUCE_PARAMS).i32(kind).f64(scale).run(x, out);
    return out.item(stream);
  }

  private static float[] draw(int n) {
    Random random = new Random(n);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(7) - 3));
    }
    return values;
  }

  /** Sums run in double: what is left is the one rounding of the result. */
  @ParameterizedTest
  @MethodSource("devices")
  void sumsAreExactToTheLastRounding(String name) {
    open(name);
    for (int n : SIZES) {
      float[] values = draw(n);
      double sum = 0;
      double magnitudes = 0;
      double squares = 0;
      double most = 0;
      for (float f : values) {
        double x = f;
        sum += x;
        magnitudes += Math.abs(x);
        squares += x * x;
        most = Math.max(most, Math.abs(x));
      }
      Tensor x = tensor(values);
      double doubles = 2.0 * n * 0x1p-53;
      String what = name + ", n = " + n;
      assertEquals(
          3 * sum, reduce(SUM, 3, x), 3 * (U * Math.abs(sum) + doubles * magnitudes), what);
      assertEquals(0.5 * squares, reduce(SUM_SQUARES, 0.5, x), 0.5 * (U + doubles) * squares, what);
      assertEquals((float) (2 * most), reduce(MAX_ABS, 2, x), what);
      assertEquals(0, reduce(COUNT_NONFINITE, 1, x), what);
    }
  }

  /** Terms that single precision would lose one by one. */
  @ParameterizedTest
  @MethodSource("devices")
  void smallTermsBesideALargeOneAreNotLost(String name) {
    open(name);
    float[] values = new float[100_001];
    java.util.Arrays.fill(values, 1);
    values[0] = 0x1p25f;
    assertEquals((float) (0x1p25 + 100_000), reduce(SUM, 1, tensor(values)));
  }

  /** A bad number is found wherever it stands, counted once, and never hidden by a maximum. */
  @ParameterizedTest
  @MethodSource("devices")
  void badNumbersAreSeenEverywhere(String name) {
    open(name);
    for (int n : SIZES) {
      for (int at : new int[] {0, n / 2, n - 1}) {
        for (float bad :
            new float[] {
              Float.NaN,
              Float.POSITIVE_INFINITY,
              Float.NEGATIVE_INFINITY,
              Float.intBitsToFloat(0xffc00001)
            }) {
          float[] values = draw(n);
          values[at] = bad;
          Tensor x = tensor(values);
          String what = "%s, n = %d, %s at %d".formatted(name, n, bad, at);
          assertEquals(1, reduce(COUNT_NONFINITE, 1, x), what);
          assertTrue(!Double.isFinite(reduce(SUM_SQUARES, 1, x)), what);
          assertTrue(!Double.isFinite(reduce(SUM, 1, x)), what);
          double most = reduce(MAX_ABS, 1, x);
          assertTrue(Float.isNaN(bad) ? Double.isNaN(most) : most == 1 / 0.0, what + ": " + most);
        }
      }
    }
    float[] all = new float[1000];
    java.util.Arrays.fill(all, Float.NaN);
    assertEquals(1000, reduce(COUNT_NONFINITE, 1, tensor(all)));
  }

  /** Over all parameters, those without a gradient and the padding between them included. */
  @ParameterizedTest
  @MethodSource("devices")
  void theGradientNormIsThatOfAllParameters(String name) {
    open(name);
    ParameterStore.Builder builder = new ParameterStore.Builder();
    builder.root().parameter("a", new Init.Constant(0), 3);
    builder.root().parameter("b", new Init.Constant(0), 5, 7);
    builder.root().parameter("untouched", new Init.Constant(0), 19);
    try (ParameterStore store = builder.build(stream, 1, true)) {
      store.get("untouched").gradient().fill(stream, 1e9);
      store.newUpdate();
      store.get("a").gradient().set(stream, 1, -2, 2);
      store.get("a").markWritten();
      store.get("b").gradient().fill(stream, -4);
      store.get("b").markWritten();
      double norm = GradientNorm.of(stream, store, arena);
      assertEquals(Math.sqrt(9 + 35 * 16), norm, 2 * U * norm, name);
    }
  }

  private double weight(double numerator, double denominator, float maximum, float weight) {
    Tensor out = arena.tensor(Shape.SCALAR);
    Tensor top = arena.tensor(Shape.SCALAR);
    Tensor bottom = arena.tensor(Shape.SCALAR);
    top.fill(stream, numerator);
    bottom.fill(stream, denominator);
    stream
        .launch(Fn.ADAPTIVE_WEIGHT, Struct.ADAPTIVE_WEIGHT_PARAMS)
        .f32(1e-4f)
        .f32(maximum)
        .f32(weight)
        .run(top, bottom, out);
    return out.item(stream);
  }

  /** weight · min(‖∇nll‖ / (‖∇gan‖ + 1e-4), maximum), from the two sums of squares. */
  @ParameterizedTest
  @MethodSource("devices")
  void theAdversarialWeightIsTheBoundedRatioOfNorms(String name) {
    open(name);
    assertEquals(0.5 * 3 / (2 + 1e-4), weight(9, 4, 1e4f, 0.5f), 8 * U, name);
    assertEquals(0.5 * 10, weight(9, 0, 10, 0.5f), "bounded, " + name);
    assertEquals(0.5 * 1e4, weight(9, 0, 1e4f, 0.5f), "bounded, " + name);
    assertEquals(0, weight(0, 4, 1e4f, 0.5f), name);
    assertTrue(Double.isNaN(weight(Double.NaN, 4, 1e4f, 0.5f)), "NaN must stay, " + name);
    assertTrue(Double.isNaN(weight(9, Double.NaN, 1e4f, 0.5f)), "NaN must stay, " + name);
    assertEquals(0, weight(9, 1 / 0.0, 1e4f, 0.5f), name);
  }

  /** out = a + s·b with s on the device; without a it is the product alone. */
  @ParameterizedTest
  @MethodSource("devices")
  void addScaledReadsItsFactorFromTheDevice(String name) {
    open(name);
    for (int n : SIZES) {
      float[] a = draw(n);
      float[] b = draw(n + 1);
      Tensor s = arena.tensor(Shape.SCALAR);
      s.fill(stream, -0.75);
      Tensor left = tensor(a);
      Tensor right = tensor(b).narrow(0, 0, n);
      Tensor sum = arena.tensor(Shape.of(n));
      Tensor product = arena.tensor(Shape.of(n));
      stream.launch(Fn.ADD_SCALED).run(left, right, s, sum);
      stream.launch(Fn.ADD_SCALED).run(null, right, s, product);
      double[] sums = sum.toDoubles(stream);
      double[] products = product.toDoubles(stream);
      for (int i = 0; i < n; i++) {
        double exact = -0.75 * b[i];
        assertEquals((float) exact, products[i], name);
        assertEquals(a[i] + exact, sums[i], 2 * U * (Math.abs(a[i]) + Math.abs(exact)), name);
      }
    }
  }
}
