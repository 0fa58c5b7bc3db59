package io.github.eqvae.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.op.BatchNorm;
import io.github.eqvae.op.Op;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import io.github.eqvae.testing.TestRanks;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Three ranks with batches of different sizes compute what {@link BatchNorm} computes of all images
 * in one batch: result, all gradients, running statistics.
 */
class SyncBatchNormTest {
  private static final double EPS = 1e-5;
  private static final double MOMENTUM = 0.1;
  private static final int PIXELS = 6; // of an image
  private static final int CHANNELS = 3;
  private static final int[] IMAGES = {2, 1, 4}; // of each rank

  /** Everything that a pass leaves. */
  private record Result(
      double[] y, double[] dx, double[] dgamma, double[] dbeta, double[] mean, double[] variance) {}

  private final double[] x = random(1, 7 * PIXELS * CHANNELS, 2);
  private final double[] dy = random(2, 7 * PIXELS * CHANNELS, 0);
  private final double[] gamma = random(3, CHANNELS, 1);
  private final double[] beta = random(4, CHANNELS, 0);

  /** Single precision, so that every device reads the same numbers. */
  private static double[] random(long seed, int n, double mean) {
    SplittableRandom random = new SplittableRandom(seed);
    return random.doubles(n).map(v -> (float) (mean + 2 * v - 1)).toArray();
  }

  private Result run(String name, Op op, int first, int images) {
    try (Device device = Device.open(name, 1);
        Stream stream = new Stream(device);
        TensorArena arena = new TensorArena(device, "test")) {
      int from = first * PIXELS * CHANNELS;
      int to = from + images * PIXELS * CHANNELS;
      Shape shape = Shape.of(images, 2, 3, CHANNELS);
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      Tensor in = tape.watch(tensor(arena, stream, shape, Arrays.copyOfRange(x, from, to)));
      Tensor scale = tape.watch(tensor(arena, stream, Shape.of(CHANNELS), gamma));
      Tensor shift = tape.watch(tensor(arena, stream, Shape.of(CHANNELS), beta));
      Tensor mean = tensor(arena, stream, Shape.of(CHANNELS), 0.5, 0.25, -1);
      Tensor variance = tensor(arena, stream, Shape.of(CHANNELS), 1, 2, 0.5);
      Tensor y = tape.apply(op, in, scale, shift, mean, variance);
      Tensor seed = tensor(arena, stream, shape, Arrays.copyOfRange(dy, from, to));
      double[] out = y.toDoubles(stream);
      Map<Tensor, Tensor> g = tape.gradients(List.of(new Seed(y, seed)), List.of(in, scale, shift));
      return new Result(
          out,
          g.get(in).toDoubles(stream),
          g.get(scale).toDoubles(stream),
          g.get(shift).toDoubles(stream),
          mean.toDoubles(stream),
          variance.toDoubles(stream));
    }
  }

  private static Tensor tensor(TensorArena arena, Stream stream, Shape shape, double... values) {
    Tensor t = arena.tensor(shape);
    t.set(stream, values);
    return t;
  }

  @ParameterizedTest
  @ValueSource(strings = {"ref", "cpu", "simt"})
  void severalBatchesAreNormalisedAsOne(String device) throws Exception {
    Result whole = run("ref", new BatchNorm(EPS, MOMENTUM, true), 0, 7);
    List<Result> parts =
        TestRanks.run(
            IMAGES.length,
            ranks -> {
              int first = Arrays.stream(IMAGES).limit(ranks.rank()).sum();
              Op op = new SyncBatchNorm(EPS, MOMENTUM, ranks);
              return run(device, op, first, IMAGES[ranks.rank()]);
            });
    Bounds b = new Bounds("ref".equals(device) ? 0x1p-53 : 0x1p-24);
    int at = 0;
    double[] dgamma = new double[CHANNELS];
    double[] dbeta = new double[CHANNELS];
    for (Result part : parts) {
      near(Arrays.copyOfRange(whole.y, at, at + part.y.length), part.y, b.y);
      near(Arrays.copyOfRange(whole.dx, at, at + part.y.length), part.dx, b.dx);
      at += part.y.length;
      for (int c = 0; c < CHANNELS; c++) {
        dgamma[c] += part.dgamma[c];
        dbeta[c] += part.dbeta[c];
      }
      near(whole.mean, part.mean, b.running);
      near(whole.variance, part.variance, b.running);
      assertArrayEquals(parts.getFirst().mean, part.mean); // the same bits in all ranks
      assertArrayEquals(parts.getFirst().variance, part.variance);
    }
    near(whole.dgamma, dgamma, b.dgamma);
    near(whole.dbeta, dbeta, b.dbeta);
    // The claim is not empty: with their own statistics the ranks compute something else.
    Result own = run(device, new BatchNorm(EPS, MOMENTUM, true), 0, IMAGES[0]);
    double away = 0;
    for (int i = 0; i < own.y.length; i++) {
      away = Math.max(away, Math.abs(own.y[i] - whole.y[i]));
    }
    assertTrue(away > 100 * b.y, away + " beside " + b.y);
  }

  private static void near(double[] expected, double[] actual, double bound) {
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], bound, "element " + i);
    }
  }

  /**
   * The bounds of docs/numerics.md for batch norm, with 20 more roundings: of mean and variance,
   * which travel as numbers, of the factors, and of the sum of the gradient's two parts.
   */
  private final class Bounds {
    final double y;
    final double dx;
    final double dgamma;
    final double dbeta;
    final double running;

    Bounds(double u) {
      int n = x.length / CHANNELS;
      double k = (2 * n + 30) * u / (1 - (2 * n + 30) * u);
      double xm = max(x);
      double r = 0;
      double xh = 0;
      for (int c = 0; c < CHANNELS; c++) {
        double mean = 0;
        double square = 0;
        for (int i = c; i < x.length; i += CHANNELS) {
          mean += x[i] / n;
        }
        for (int i = c; i < x.length; i += CHANNELS) {
          square += (x[i] - mean) * (x[i] - mean) / n;
        }
        double own = 1 / Math.sqrt(square + EPS);
        r = Math.max(r, own);
        for (int i = c; i < x.length; i += CHANNELS) {
          xh = Math.max(xh, Math.abs(x[i] - mean) * own);
        }
      }
      double e = k * (1 + xh) * (xm * r + 1);
      double g = max(gamma) * max(dy);
      y = max(gamma) * e + 4 * u * (max(gamma) * xh + max(beta));
      dx = r * g * ((2 + xh * xh) * k * (2 + xm * r) + 2 * xh * e);
      dgamma = n * max(dy) * (e + k * xh);
      dbeta = n * max(dy) * k;
      running = k * (2 + xm + xm * xm);
    }

    private static double max(double[] of) {
      return Arrays.stream(of).map(Math::abs).max().orElseThrow();
    }
  }
}
