package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.OpRunner.Result;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.testing.Compare;
import io.github.eqvae.testing.Devices;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Operations that multiply matrices, on fp32 tensors in TF32, against the reference: the
 * single-precision bound, and the rounding of both factors of every product (docs/numerics.md,
 * section "tf32").
 */
@ExtendWith(CaseExtension.class)
class Tf32Test {
  /** Half the distance from 1 to the next number with 10 bits behind the point. */
  private static final double U = 0x1p-11;

  private static final Set<Class<? extends Op>> MULTIPLYING =
      Set.of(Attention.class, Conv2d.class, Linear.class, UpsampleConv2d.class);

  static boolean multiplies(Op op) {
    return MULTIPLYING.contains(op.getClass());
  }

  private static OpRunners runners;

  private static List<String> devices() {
    return Devices.computing().stream().filter(d -> !"cpu".equals(d)).toList();
  }

  @BeforeAll
  static void open() {
    runners = new OpRunners(devices(), d -> new OpRunner(d, MathMode.TF32));
  }

  @AfterAll
  static void close() {
    runners.close();
  }

  static Stream<Arguments> cases() {
    return OpCases.on(devices(), Tf32Test::multiplies);
  }

  /** To the nearest with 10 bits behind the point. */
  private static double round(double value) {
    int bits = Float.floatToRawIntBits((float) value);
    return Float.intBitsToFloat(bits + 0x1000 & 0xffffe000);
  }

  private static OpCase.Sample rounded(OpCase.Sample s) {
    double[][] inputs =
        Arrays.stream(s.inputs())
            .map(values -> Arrays.stream(values).map(Tf32Test::round).toArray())
            .toArray(double[][]::new);
    return new OpCase.Sample(inputs, Arrays.stream(s.seed()).map(Tf32Test::round).toArray());
  }

  /** Two factors of each product: 2u + u² of the sum of magnitudes, so many times. */
  private static double[] widened(double[] bound, double[] magnitudes, double times) {
    double[] out = new double[bound.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = bound[i] + times * (2 * U + U * U) * Math.abs(magnitudes[i]);
    }
    return out;
  }

  private static boolean activates(Op op, Activation.Kind kind) {
    return op instanceof Conv2d conv && conv.activation().kind() == kind;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void productsAgreeWithTheReference(String device, OpCase c) {
    boolean attention = c.op() instanceof Attention;
    OpCase.Sample s = attention ? rounded(c.sample()) : c.sample();
    Result exact = runners.ref().run(c, s);
    Result magnitudes = runners.ref().run(c, s.absolute());
    Result actual = runners.on(device).run(c, s);
    ErrorBound.Bounds bounds = c.bound().of(c, s, exact, runners.ref());
    if (attention) {
      bounds = ErrorBounds.attentionInTf32(c, s, bounds);
    }
    boolean activated =
        c.op() instanceof Linear l && l.activation().kind() != Activation.Kind.IDENTITY;
    if (activated) {
      bounds = TransformerBounds.activatedLinear(c, s, runners.ref(), 2 * U + U * U, 0);
    }
    boolean complete = attention || activated; // all is in the bounds already
    // SiLU has slopes up to 1.1, at magnitudes from half of these on; its own is off by half of
    // what
    // the sum is.
    boolean silu = activates(c.op(), Activation.Kind.SILU);
    double forward = silu ? 2.2 : 1;
    double backward = silu ? 1.01 * (2.2 + ErrorBounds.largestBeforeSilu(c, s, runners.ref())) : 1;
    double[] y = complete ? bounds.y() : widened(bounds.y(), magnitudes.y(), forward);
    Compare.within(c.name() + " output", c.output(), exact.y(), actual.y(), y);
    for (int i = 0; i < c.inputs().size(); i++) {
      double[] bound = bounds.gradients()[i];
      Compare.within(
          c.name() + " gradient of input " + i,
          c.inputs().get(i).shape(),
          exact.gradients()[i],
          actual.gradients()[i],
          complete ? bound : widened(bound, magnitudes.gradients()[i], backward));
    }
  }

  /** Without an activation, whose slope would make other factors of a gradient. */
  static Stream<Arguments> convolutions() {
    return cases()
        .filter(a -> a.get()[1] instanceof OpCase c && activates(c.op(), Activation.Kind.IDENTITY));
  }

  /** Otherwise the bounds above would hold for single precision, too. */
  @ParameterizedTest
  @MethodSource("convolutions")
  void factorsAreRoundedAndTermsAreNot(String device, OpCase c) {
    OpRunner runner = runners.on(device);
    Result given = runner.run(c, c.sample());
    Result rounded = runner.run(c, rounded(c.sample()));
    boolean bias = c.inputs().size() > 2;
    assertEquals(!bias, Arrays.equals(given.y(), rounded.y()), c::name);
    assertArrayEquals(given.gradients()[0], rounded.gradients()[0], c::name);
    assertArrayEquals(given.gradients()[1], rounded.gradients()[1], c::name);
    assertFalse(bias && Arrays.equals(given.gradients()[2], rounded.gradients()[2]), c::name);
  }

  @Test
  void theCpuSaysThatItHasNone() {
    try (Device cpu = Device.open("cpu");
        var stream = new io.github.eqvae.tensor.Stream(cpu)) {
      EqvaeException e =
          assertThrows(EqvaeException.Unsupported.class, () -> stream.math(MathMode.TF32));
      assertEquals(
          "stream_math: this device has no TF32; use EQV_MATH_FP32", e.getMessage(), e::getMessage);
    }
  }
}
