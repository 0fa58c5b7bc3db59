package io.github.eqvae.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.Autoencoder.Bottleneck;
import io.github.eqvae.tape.Seed;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.testing.DeviceFixture;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Quantisation and its gradients, by finite differences in double precision. */
class VqModelTest extends DeviceFixture {
  private static final double H = 0x1p-10;
  private static final double BETA = 0.25;
  private static final int CHANNELS = 3;
  private static final Shape LATENT = Shape.of(2, 2, 3, CHANNELS);

  /** Corners of a cube: latents are far from where two of them are equally near. */
  private static final double[] CODES = {
    1, 1, 1, -1, 1, 1, 1, -1, 1, -1, -1, 1, 1, 1, -1, -1, 1, -1, 1, -1, -1, -1, -1, -1
  };

  VqModelTest() {
    super("ref");
  }

  private VqModel model(VqConfig.BetaPlacement placement) {
    AutoencoderConfig shape =
        new AutoencoderConfig(
            1, 1, 4, List.of(1, 2), 1, List.of(), 8, CHANNELS, CHANNELS, 2, true, true);
    VqModel model = new VqModel(new VqConfig(shape, 8, BETA, placement), stream, 3, true);
    model.codebook().value().set(stream, CODES);
    return model;
  }

  /** Numbers between 0.2 and 1.8 of either sign. */
  private static double[] latent() {
    SplittableRandom random = new SplittableRandom(4);
    double[] z = new double[(int) LATENT.elements()];
    Arrays.setAll(z, i -> random.nextDouble(0.2, 1.8) * (random.nextBoolean() ? 1 : -1));
    return z;
  }

  private Tensor place(double[] values) {
    Tensor t = arena.tensor(LATENT);
    t.set(stream, values);
    return t;
  }

  /** Derivative by central differences, extrapolated once, of f at x along each axis. */
  private static double[] differences(java.util.function.ToDoubleFunction<double[]> f, double[] x) {
    double[] out = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      double[] slopes = new double[2];
      for (int k = 0; k < 2; k++) {
        double h = H / (k + 1);
        double[] up = x.clone();
        double[] down = x.clone();
        up[i] += h;
        down[i] -= h;
        slopes[k] = (f.applyAsDouble(up) - f.applyAsDouble(down)) / (2 * h);
      }
      out[i] = (4 * slopes[1] - slopes[0]) / 3;
    }
    return out;
  }

  private static double largest(double[] x) {
    return Arrays.stream(x).map(Math::abs).max().orElse(0);
  }

  /** The sum of a decoded image, of a decoder's input. */
  private double decodedSum(VqModel model, double[] value) {
    Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
    double[] image = model.decode(tape, place(value)).toDoubles(stream);
    double sum = 0;
    for (int i = 0; i < image.length; i++) {
      sum += image[i] * Math.cos(i);
    }
    return sum;
  }

  /**
   * With the step zq − z held constant, as the estimate defines it, the decoder's loss is a smooth
   * function of z. The codebook has no part in it.
   */
  @Test
  void gradientsGoStraightThroughToTheLatentAndNotToTheCodebook() {
    try (VqModel model = model(VqConfig.BetaPlacement.LEGACY)) {
      double[] z = latent();
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      Tensor latent = tape.watch(place(z));
      Bottleneck b = model.bottleneck(tape, latent);
      Tensor image = model.decode(tape, b.value());
      Tensor seed = arena.tensor(image.shape());
      double[] weights = new double[(int) image.shape().elements()];
      Arrays.setAll(weights, i -> Math.cos(i));
      seed.set(stream, weights);
      Map<Tensor, Tensor> g =
          tape.gradients(List.of(new Seed(image, seed)), List.of(latent, model.codebook().value()));
      double[] zq = b.value().toDoubles(stream);
      double[] expected =
          differences(
              moved -> {
                double[] value = new double[z.length];
                Arrays.setAll(value, i -> moved[i] + (zq[i] - z[i]));
                return decodedSum(model, value);
              },
              z);
      double[] found = g.get(latent).toDoubles(stream);
      assertTrue(largest(expected) > 1e-3, "there is nothing to compare");
      assertArrayEquals(expected, found, 1e-7 * largest(expected));
      double[] ofCodes = g.get(model.codebook().value()).toDoubles(stream);
      assertArrayEquals(new double[CODES.length], ofCodes);
    }
  }

  /** mean((zq − z)²), zq the nearest code. */
  private static double distance(double[] z, double[] codes) {
    double sum = 0;
    for (int n = 0; n < z.length; n += CHANNELS) {
      double least = Double.POSITIVE_INFINITY;
      for (int k = 0; k < codes.length; k += CHANNELS) {
        double square = 0;
        for (int i = 0; i < CHANNELS; i++) {
          double d = z[n + i] - codes[k + i];
          square += d * d;
        }
        least = Math.min(least, square);
      }
      sum += least;
    }
    return sum / z.length;
  }

  @ParameterizedTest
  @EnumSource
  void theCodebookLossAndItsGradientsAreTamings(VqConfig.BetaPlacement placement) {
    try (VqModel model = model(placement)) {
      double[] z = latent();
      Tape tape = new Tape(stream, arena, Tape.Mode.RECORD);
      Tensor latent = tape.watch(place(z));
      Tensor loss = model.regularization(tape, latent, model.bottleneck(tape, latent));
      assertEquals((1 + BETA) * distance(z, CODES), loss.item(stream), 1e-12);
      Tensor codebook = model.codebook().value();
      Map<Tensor, Tensor> g =
          tape.gradients(List.of(tape.seed(loss, 1)), List.of(latent, codebook));
      boolean legacy = placement == VqConfig.BetaPlacement.LEGACY;
      double[] towards = differences(x -> distance(x, CODES), z);
      double[] ofCodes = differences(e -> distance(z, e), CODES);
      Arrays.setAll(towards, i -> (legacy ? 1 : BETA) * towards[i]);
      Arrays.setAll(ofCodes, i -> (legacy ? BETA : 1) * ofCodes[i]);
      assertArrayEquals(towards, g.get(latent).toDoubles(stream), 1e-10);
      assertArrayEquals(ofCodes, g.get(codebook).toDoubles(stream), 1e-10);
    }
  }

  @Test
  void theDecoderGetsTheNearestCodes() {
    try (VqModel model = model(VqConfig.BetaPlacement.LEGACY)) {
      double[] z = latent();
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Bottleneck b = model.bottleneck(tape, place(z));
      double[] corners = Arrays.stream(z).map(Math::signum).toArray();
      assertArrayEquals(corners, b.value().toDoubles(stream), 1e-15);
      assertArrayEquals(corners, b.quantization().codes().toDoubles(stream));
      CodebookUsage usage = model.codebookUsage().orElseThrow();
      usage.add(b, stream);
      assertEquals(8, usage.codes());
      assertTrue(usage.used() > 2);
    }
  }

  /** Nothing that is not a number looks like a code after the bottleneck. */
  @Test
  void aNaNStaysOne() {
    try (VqModel model = model(VqConfig.BetaPlacement.LEGACY)) {
      double[] z = latent();
      z[4] = Double.NaN;
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor latent = place(z);
      Bottleneck b = model.bottleneck(tape, latent);
      assertTrue(Double.isNaN(b.value().toDoubles(stream)[4]));
      assertEquals(0, b.quantization().index().toInts(stream)[1]);
      assertTrue(Double.isNaN(model.regularization(tape, latent, b).item(stream)));
    }
  }

  @Test
  void codesStartWithinOneOverTheirNumber() {
    try (VqModel model = new VqModel(VqConfig.f16(16, 3), stream, 3, false)) {
      double[] codes = model.codebook().value().toDoubles(stream);
      assertTrue(largest(codes) <= 1.0 / 16 && largest(codes) > 0.8 / 16, "" + largest(codes));
    }
  }

  @Test
  void anotherModelsBottleneckIsRefused() {
    try (VqModel model = model(VqConfig.BetaPlacement.LEGACY)) {
      Tape tape = new Tape(stream, arena, Tape.Mode.INFERENCE);
      Tensor z = place(latent());
      assertThrows(
          EqvaeException.Argument.class,
          () -> model.regularization(tape, z, new Bottleneck(z, null)));
    }
  }
}
