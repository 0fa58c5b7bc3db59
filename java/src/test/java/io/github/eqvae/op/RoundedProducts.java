package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.github.eqvae.op.OpRunner.Result;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.testing.Compare;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Operations that multiply matrices, on fp32 tensors whose factors are rounded, against the
 * reference: the single-precision bound, and the rounding of both factors of every product
 * (docs/numerics.md, sections "tf32" and "bf16_products").
 */
@ExtendWith(CaseExtension.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class RoundedProducts {
  private final MathMode mode;
  private final List<String> devices;
  private final Predicate<Op> multiplies;
  private final int dropped;
  private final double u;
  private final OpRunners runners;

  /**
   * Of factors with so many bits after the point.
   *
   * @param multiplies which operations have such factors
   */
  RoundedProducts(MathMode mode, List<String> devices, Predicate<Op> multiplies, int bits) {
    this.mode = mode;
    this.devices = devices;
    this.multiplies = multiplies;
    dropped = 23 - bits;
    u = Math.scalb(0.5, -bits); // half the distance from 1 to the next such number
    runners = new OpRunners(devices, d -> new OpRunner(d, mode));
  }

  @AfterAll
  void close() {
    runners.close();
  }

  Stream<Arguments> cases() {
    return OpCases.on(devices, multiplies);
  }

  /** To the nearest factor. */
  private double round(double value) {
    int bits = Float.floatToRawIntBits((float) value);
    int half = 1 << dropped - 1;
    int ties = mode == MathMode.BF16 ? (bits >>> dropped & 1) - 1 : 0; // to even; else away from 0
    return Float.intBitsToFloat(bits + half + ties & -1 << dropped);
  }

  private OpCase.Sample rounded(OpCase.Sample s) {
    double[][] inputs =
        Arrays.stream(s.inputs())
            .map(values -> Arrays.stream(values).map(this::round).toArray())
            .toArray(double[][]::new);
    return new OpCase.Sample(inputs, Arrays.stream(s.seed()).map(this::round).toArray());
  }

  /** Two factors of each product: 2u + u² of the sum of magnitudes, so many times. */
  private double[] widened(double[] bound, double[] magnitudes, double times) {
    double[] out = new double[bound.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = bound[i] + times * (2 * u + u * u) * Math.abs(magnitudes[i]);
    }
    return out;
  }

  private static boolean activates(Op op, Activation.Kind kind) {
    return op instanceof Conv2d conv && conv.activation().kind() == kind;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void productsAgreeWithTheReference(String device, OpCase c) {
    boolean attention = c.op() instanceof Attention || c.op() instanceof SelfAttention;
    OpCase.Sample s = attention ? rounded(c.sample()) : c.sample();
    Result exact = runners.ref().run(c, s);
    Result magnitudes = runners.ref().run(c, s.absolute());
    Result actual = runners.on(device).run(c, s);
    ErrorBound.Bounds bounds = c.bound().of(c, s, exact, runners.ref());
    if (c.op() instanceof Attention) {
      bounds = ErrorBounds.attentionRounded(c, s, bounds, u);
    } else if (c.op() instanceof SelfAttention) {
      bounds = TransformerBounds.selfAttentionRounded(c, s, bounds, u);
    }
    boolean activated =
        c.op() instanceof Linear l && l.activation().kind() != Activation.Kind.IDENTITY;
    if (activated) {
      bounds = TransformerBounds.activatedLinear(c, s, runners.ref(), 2 * u + u * u, 0);
    }
    boolean complete = attention || activated; // all is in the bounds already
    // SiLU has slopes up to 1.1, at magnitudes from half of these on; its own is off by half of
    // what the sum is.
    boolean silu = activates(c.op(), Activation.Kind.SILU);
    double forward = silu ? 2.2 : 1;
    double backward = silu ? 1.01 * (2.2 + ErrorBounds.largestBeforeSilu(c, s, runners.ref())) : 1;
    double[] y = complete ? bounds.y() : widened(bounds.y(), magnitudes.y(), forward);
    Compare.within(c.name() + " output", c.output(), exact.y(), actual.y(), y);
    for (int i = 0; i < c.inputs().size(); i++) {
      if (exact.gradients()[i] == null) {
        continue;
      }
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
  Stream<Arguments> convolutions() {
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
    rounded.assertGradientBitsOf(given, c, 0);
    rounded.assertGradientBitsOf(given, c, 1);
    assertFalse(bias && Arrays.equals(given.gradients()[2], rounded.gradients()[2]), c::name);
  }
}
