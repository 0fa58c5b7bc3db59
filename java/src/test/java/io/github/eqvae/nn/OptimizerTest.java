package io.github.eqvae.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.Compare;
import io.github.eqvae.testing.Devices;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Adam, AdamW and the moving average against their formulas in double. Each update starts from the
 * state the device reached, so a bound covers the roundings of one update only: u = 2⁻²⁴ per
 * operation, plus one for every constant that is rounded to single precision.
 */
class OptimizerTest {
  private static final double U = 0x1p-24;

  /** Not a multiple of any vector width or thread block, and more than one CPU chunk. */
  private static final int N = 40_037;

  private static final int UPDATES = 12;

  static List<String> devices() {
    return Devices.computing();
  }

  private static ParameterStore store(Stream stream) {
    ParameterStore.Builder builder = new ParameterStore.Builder();
    builder.root().parameter("weight", new Init.Constant(0), N);
    return builder.build(stream, 1, true);
  }

  /** Magnitudes over nine decades, as gradients have them, and some exact zeros. */
  private static float[] draw(Random random, double scale) {
    float[] values = new float[N];
    for (int i = 0; i < N; i++) {
      double size = scale * Math.pow(10, -9 * random.nextDouble());
      values[i] = i % 17 == 0 ? 0 : (float) (random.nextGaussian() * size);
    }
    return values;
  }

  private static double[] first(Stream stream, Tensor flat) {
    return flat.narrow(0, 0, N).toDoubles(stream);
  }

  /**
   * Every pair of options that changes the formula: decay added to the gradient or taken from the
   * weight, both forms of the interpolation (β₁ below and above ½), a gradient scale.
   */
  @ParameterizedTest
  @CsvSource({
    "false, 0.9, 0.999, 1e-8, 0, 1",
    "false, 0.5, 0.9, 1e-8, 0.1, 1",
    "true, 0.9, 0.95, 1e-6, 0.05, 0.25",
    "true, 0.3, 0.999, 1e-3, 0.01, 3"
  })
  void updatesFollowTheFormula(
      boolean decoupled, double beta1, double beta2, double eps, double decay, double scale) {
    for (String name : devices()) {
      try (Device device = Device.open(name, 2);
          Stream stream = new Stream(device);
          ParameterStore store = store(stream)) {
        Random random = new Random(5);
        Parameter weight = store.get("weight");
        weight.value().set(stream, draw(random, 1));
        AdamOptimizer adam =
            new AdamOptimizer(store, stream, new AdamSettings(beta1, beta2, eps, decay, decoupled));
        for (int t = 1; t <= UPDATES; t++) {
          double rate = 1e-2 / t;
          store.newUpdate();
          store.gradients(stream);
          weight.gradient().set(stream, draw(random, 10));
          double[] w = first(stream, store.values());
          double[] g = first(stream, store.gradients(stream));
          double[] m = first(stream, adam.firstMoment());
          double[] v = first(stream, adam.secondMoment());
          double[] boundW = new double[N];
          double[] boundM = new double[N];
          double[] boundV = new double[N];
          double correction1 = 1 - Math.pow(beta1, t);
          double correction2 = 1 - Math.pow(beta2, t);
          for (int i = 0; i < N; i++) {
            double scaled = scale * g[i];
            double magnitude = Math.abs(scaled);
            if (decoupled) {
              w[i] *= 1 - rate * decay;
            } else {
              scaled += decay * w[i];
              magnitude += Math.abs(decay * w[i]);
            }
            double was = Math.abs(m[i]);
            m[i] = beta1 * m[i] + (1 - beta1) * scaled;
            v[i] = beta2 * v[i] + (1 - beta2) * scaled * scaled;
            // Scaled gradient: 3 roundings and 2 constants; the interpolation: 3 and 1.
            boundM[i] = 9 * U * (was + magnitude) + Float.MIN_VALUE;
            // The square doubles the gradient's error; its cancellation is in `magnitude`.
            boundV[i] = U * (4 * v[i] + 16 * magnitude * magnitude) + Float.MIN_VALUE;
            double root = Math.sqrt(v[i] / correction2);
            double denominator = root + eps;
            double step = rate / correction1 * m[i] / denominator;
            w[i] -= step;
            // √(v + δ) differs from √v by at most √δ, and by at most δ / √v.
            double rootError =
                Math.min(Math.sqrt(boundV[i]), boundV[i] / Math.max(Math.sqrt(v[i]), 1e-300))
                    / Math.sqrt(correction2);
            boundW[i] =
                U * (3 * Math.abs(w[i]) + 10 * Math.abs(step))
                    + rate / correction1 * boundM[i] / denominator
                    + Math.abs(step) * rootError / Math.max(denominator - rootError, eps / 2)
                    + Float.MIN_VALUE;
          }
          adam.step(stream, rate, scale);
          String what = name + ", update " + t;
          var shape = weight.shape();
          Compare.within(what + ": m", shape, m, first(stream, adam.firstMoment()), boundM);
          Compare.within(what + ": v", shape, v, first(stream, adam.secondMoment()), boundV);
          Compare.within(what + ": w", shape, w, first(stream, store.values()), boundW);
          assertEquals(t, adam.steps());
        }
        double[] all = store.values().toDoubles(stream);
        for (int i = N; i < all.length; i++) {
          assertEquals(0, all[i], name + ": the padding moved");
        }
      }
    }
  }

  /** From zero moments the first update moves each weight by the learning rate, however large g. */
  @ParameterizedTest
  @MethodSource("devices")
  void theFirstUpdateIsTheSignOfTheGradient(String name) {
    try (Device device = Device.open(name, 2);
        Stream stream = new Stream(device);
        ParameterStore store = store(stream)) {
      float[] gradient = new float[N];
      for (int i = 0; i < N; i++) {
        gradient[i] = (i % 2 == 0 ? 1 : -1) * (1 + i);
      }
      store.gradients(stream);
      store.get("weight").gradient().set(stream, gradient);
      new AdamOptimizer(store, stream, new AdamSettings(0.9, 0.999, 1e-12, 0, false))
          .step(stream, 0.125, 1);
      double[] weights = first(stream, store.values());
      for (int i = 0; i < N; i++) {
        assertEquals(i % 2 == 0 ? -0.125 : 0.125, weights[i], 0.125 * 16 * U, name);
      }
    }
  }

  /** What is not applied leaves every bit as it is; a count that is not finite counts, too. */
  @ParameterizedTest
  @ValueSource(doubles = {1, 3, Double.NaN})
  void aSkippedUpdateChangesNothing(double notFinite) {
    for (String name : devices()) {
      try (Device device = Device.open(name, 2);
          Stream stream = new Stream(device);
          ParameterStore store = store(stream);
          TensorArena arena = new TensorArena(device, "test")) {
        Random random = new Random(7);
        Parameter weight = store.get("weight");
        weight.value().set(stream, draw(random, 1));
        AdamOptimizer adam =
            new AdamOptimizer(store, stream, new AdamSettings(0.9, 0.999, 1e-8, 0.1, true));
        Ema ema = new Ema(store, stream);
        store.gradients(stream);
        weight.gradient().set(stream, draw(random, 10));
        adam.step(stream, 1e-2, 1, ema, 0.9);
        List<Tensor> state =
            List.of(store.values(), adam.firstMoment(), adam.secondMoment(), ema.average());
        List<double[]> before = state.stream().map(t -> first(stream, t)).toList();
        Tensor skip = arena.tensor(Shape.SCALAR);
        skip.fill(stream, notFinite);
        weight.gradient().fill(stream, Double.NaN);
        Tensor schedule = arena.tensor(Shape.of(AdamOptimizer.SCHEDULE), DType.F64);
        schedule.set(stream, adam.schedule(1e-2, 0.9));
        adam.update(stream, schedule, 1, Double.POSITIVE_INFINITY, null, skip, ema);
        for (int i = 0; i < before.size(); i++) {
          Compare.bitwise(name, weight.shape(), before.get(i), first(stream, state.get(i)));
        }
        skip.fill(stream, 0);
        adam.update(stream, schedule, 1, Double.POSITIVE_INFINITY, null, skip, ema);
        assertTrue(Double.isNaN(first(stream, store.values())[1]), name);
      }
    }
  }

  /** Clipping is a gradient scale that the device works out: the same bits as giving it. */
  @ParameterizedTest
  @ValueSource(doubles = {0.5, 1e9})
  void clippingIsTheScaleOfPyTorch(double clip) {
    for (String name : devices()) {
      double[][] weights = new double[2][];
      for (int way = 0; way < 2; way++) {
        try (Device device = Device.open(name, 2);
            Stream stream = new Stream(device);
            ParameterStore store = store(stream);
            TensorArena arena = new TensorArena(device, "test")) {
          Random random = new Random(8);
          Parameter weight = store.get("weight");
          AdamOptimizer adam =
              new AdamOptimizer(store, stream, new AdamSettings(0.9, 0.999, 1e-3, 0, false));
          store.gradients(stream);
          weight.gradient().set(stream, draw(random, 10));
          double scale = 0.25;
          if (way == 0) {
            Tensor squares = arena.tensor(Shape.SCALAR);
            GradientNorm.squares(stream, store, squares);
            Tensor schedule = arena.tensor(Shape.of(AdamOptimizer.SCHEDULE), DType.F64);
            schedule.set(stream, adam.schedule(1e-2, 0));
            adam.update(stream, schedule, scale, clip, squares, null, null);
          } else {
            double norm = GradientNorm.of(stream, store, arena) * scale;
            adam.step(stream, 1e-2, Math.min(1, clip / (norm + 1e-6)) * scale);
          }
          weights[way] = first(stream, store.values());
        }
      }
      Compare.bitwise(name + ", clip " + clip, Shape.of(N), weights[1], weights[0]);
    }
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 0.5, 0.999, 0.9999, 1})
  void theAverageFollowsItsFormula(double decay) {
    for (String name : devices()) {
      try (Device device = Device.open(name, 2);
          Stream stream = new Stream(device);
          ParameterStore store = store(stream)) {
        Random random = new Random(6);
        Tensor weight = store.get("weight").value();
        weight.set(stream, draw(random, 1));
        Ema ema = new Ema(store, stream);
        AdamOptimizer adam =
            new AdamOptimizer(store, stream, new AdamSettings(0.9, 0.999, 1e-8, 0, false));
        store.gradients(stream); // zeros: the weights stay as they are
        Compare.bitwise(
            name + ": the start",
            weight.shape(),
            first(stream, store.values()),
            first(stream, ema.average()));
        for (int t = 0; t < 4; t++) {
          weight.set(stream, draw(random, 1));
          double[] w = first(stream, store.values());
          double[] average = first(stream, ema.average());
          double[] bound = new double[N];
          for (int i = 0; i < N; i++) {
            // Each product has a rounded constant and its own rounding; the sum has one.
            bound[i] =
                3 * U * (decay * Math.abs(average[i]) + (1 - decay) * Math.abs(w[i]))
                    + Float.MIN_VALUE;
            average[i] = decay * average[i] + (1 - decay) * w[i];
          }
          adam.step(stream, 1e-2, 1, ema, decay);
          Compare.within(
              name + ", decay " + decay,
              weight.shape(),
              average,
              first(stream, ema.average()),
              bound);
        }
        double[] weights = first(stream, store.values());
        double[] average = first(stream, ema.average());
        ema.swap(stream);
        Compare.bitwise("swapped", weight.shape(), average, first(stream, store.values()));
        Compare.bitwise("swapped", weight.shape(), weights, first(stream, ema.average()));
      }
    }
  }
}
