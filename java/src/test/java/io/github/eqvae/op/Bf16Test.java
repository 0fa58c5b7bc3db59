package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.OpRunner.Result;
import io.github.eqvae.testing.Compare;
import io.github.eqvae.testing.Devices;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Operations on bf16 activations, against the reference. All numbers of a case, parameters too, are
 * first rounded to bf16, so that storing them costs nothing; what remains is the single-precision
 * bound and one rounding of each result that is stored in bf16 (docs/numerics.md, section "bf16").
 */
@ExtendWith(CaseExtension.class)
class Bf16Test {
  private static OpRunners runners;

  @BeforeAll
  static void open() {
    runners = new OpRunners(Devices.kernels(), d -> new OpRunner(d, true));
  }

  @AfterAll
  static void close() {
    runners.close();
  }

  static Stream<Arguments> cases() {
    return OpCases.on(Devices.kernels(), OpCases::takesBf16);
  }

  private static double round(double value) {
    int bits = Float.floatToRawIntBits((float) value);
    int even = bits + 0x7fff + (bits >>> 16 & 1);
    return Float.intBitsToFloat(even & 0xffff0000);
  }

  private static OpCase.Sample rounded(OpCase.Sample s) {
    double[][] inputs =
        Arrays.stream(s.inputs())
            .map(values -> Arrays.stream(values).map(Bf16Test::round).toArray())
            .toArray(double[][]::new);
    return new OpCase.Sample(inputs, Arrays.stream(s.seed()).map(Bf16Test::round).toArray());
  }

  private static double[] stored(double[] exact, double[] bound, boolean bf16) {
    double[] out = bound.clone();
    for (int i = 0; bf16 && i < out.length; i++) {
      // What moves or picks values is exact in any dtype.
      out[i] += bound[i] == 0 ? 0 : ErrorBound.U16 * (Math.abs(exact[i]) + bound[i]);
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void activationsInBf16AgreeWithTheReference(String device, OpCase c) {
    check(runners.ref(), List.of(runners.on(device)), c);
  }

  /** What each of these makes of a case is within the bounds around what the reference makes. */
  static void check(OpRunner ref, List<OpRunner> runners, OpCase c) {
    OpCase.Sample s = rounded(c.sample());
    Result exact = ref.run(c, s);
    ErrorBound.Bounds bounds = c.bound().inBf16().of(c, s, exact, ref);
    for (OpRunner runner : runners) {
      compare(c, exact, runner.run(c, s), bounds);
    }
  }

  private static void compare(OpCase c, Result exact, Result actual, ErrorBound.Bounds bounds) {
    Compare.within(
        c.name() + " output",
        c.output(),
        exact.y(),
        actual.y(),
        stored(exact.y(), bounds.y(), c.storesBf16()));
    for (int i = 0; i < c.inputs().size(); i++) {
      In in = c.inputs().get(i);
      if (in.differentiable()) {
        double[] gradient = exact.gradients()[i];
        Compare.within(
            c.name() + " gradient of input " + i,
            in.shape(),
            gradient,
            actual.gradients()[i],
            stored(gradient, bounds.gradients()[i], OpCases.isActivation(c.op(), i)));
      }
    }
  }

  /**
   * Where images are of whole slabs their pixels are loaded in another way
   * (docs/kernels/conv2d.md), with the same sums. So columns keep their bits when the image loses
   * some on the right that they do not see, after which it is not of whole slabs. The gradient
   * takes the other kind of slabs.
   */
  @ParameterizedTest
  @MethodSource("io.github.eqvae.testing.Devices#kernels")
  void slabsDoNotChangeTheBits(String device) {
    int height = 32;
    int width = 16;
    int fewer = 12;
    SplittableRandom random = new SplittableRandom(7);
    double[] x = random.doubles(height * width * 72L, -1, 1).map(Bf16Test::round).toArray();
    double[] seed = random.doubles(height * width * 136L, -1, 1).map(Bf16Test::round).toArray();
    double[] w = random.doubles(136 * 72 * 9L, -1, 1).map(Bf16Test::round).toArray();
    Result whole = conv(device, width, x, w, seed);
    Result narrow = conv(device, fewer, columns(x, width, fewer), w, columns(seed, width, fewer));
    assertArrayEquals(columns(whole.y(), width, fewer - 1), columns(narrow.y(), fewer, fewer - 1));
    assertArrayEquals(
        columns(whole.gradients()[0], width, fewer - 1),
        columns(narrow.gradients()[0], fewer, fewer - 1));
  }

  private static Result conv(String device, int width, double[] x, double[] w, double[] seed) {
    Conv2d op = new Conv2d(1, 1);
    OpCase c =
        new OpCase(
            "conv2d slabs",
            op,
            List.of(In.of(1, x.length / width / 72, width, 72), In.of(136, 72, 3, 3)),
            Oracles.conv2d(op),
            ErrorBound.sums(1, 1));
    return runners.on(device).run(c, new OpCase.Sample(new double[][] {x, w}, seed));
  }

  /** The first columns of an image of one row after the other. */
  private static double[] columns(double[] image, int width, int wanted) {
    int rows = 32;
    int channels = image.length / rows / width;
    double[] out = new double[rows * wanted * channels];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(
          image, row * width * channels, out, row * wanted * channels, wanted * channels);
    }
    return out;
  }

  /** Operations on images, latents and losses: devices refuse these in bf16. */
  @Test
  void whatIsNotSaidToTakeBf16RefusesIt() throws Exception {
    List<OpCase> others = new ArrayList<>();
    for (Class<?> type : OpGateTest.operations()) {
      OpCases.all().stream()
          .filter(c -> c.op().getClass() == type && !OpCases.takesBf16(c.op()))
          .findFirst()
          .ifPresent(others::add);
    }
    assertFalse(others.isEmpty());
    for (String device : Devices.kernels()) {
      try (OpRunner runner = OpRunner.withFirstInBf16(device)) {
        for (OpCase c : others) {
          EqvaeException e =
              assertThrows(
                  EqvaeException.class,
                  () -> runner.run(c, c.sample()),
                  () ->
                      c.name()
                          + " takes bf16: name the inputs that may be bf16 where its cases are"
                          + " (sink.activations)");
          assertTrue(e.getMessage().contains("is bf16"), e::getMessage);
        }
      }
    }
  }

  @Test
  void theCpuSaysThatItComputesInSinglePrecision() {
    try (OpRunner cpu = new OpRunner("cpu", true)) {
      OpCase c =
          OpCases.all().stream().filter(o -> o.op() instanceof Conv2d).findFirst().orElseThrow();
      EqvaeException e = assertThrows(EqvaeException.class, () -> cpu.run(c, c.sample()));
      assertEquals("conv2d: x is bf16, this device computes in f32", e.getMessage(), e::getMessage);
    }
  }
}
