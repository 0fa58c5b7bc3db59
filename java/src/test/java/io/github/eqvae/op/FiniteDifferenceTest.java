package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.testing.Compare;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every backward pass of the reference against central differences of its forward pass, in double
 * precision, along random directions and element by element.
 *
 * <p>With D(h) = (L(x + hv) − L(x − hv))/2h the truncation error of D(h/2) is about (D(h) −
 * D(h/2))/3, so Richardson's (4D(h/2) − D(h))/3 is off by less than |D(h) − D(h/2)|. Rounding adds
 * at most k·u·S/h, with u = 2⁻⁵³, S the sum of the magnitudes of L's terms and k = 64 roundings
 * along any path of these small cases.
 */
@ExtendWith(CaseExtension.class)
class FiniteDifferenceTest {
  private static final double H = 0x1p-10;
  private static final double ROUNDING = 64 * 0x1p-53;
  private static final int ELEMENTS = 10;
  private static OpRunner ref;

  @BeforeAll
  static void open() {
    ref = new OpRunner("ref");
  }

  @AfterAll
  static void close() {
    ref.close();
  }

  static List<OpCase> cases() {
    return OpCases.all();
  }

  private static double objective(OpCase c, OpCase.Sample s, int input, double[] v, double step) {
    double[][] moved = s.inputs().clone();
    moved[input] = s.inputs()[input].clone();
    for (int i = 0; i < v.length; i++) {
      moved[input][i] += step * v[i];
    }
    return dot(ref.run(c, new OpCase.Sample(moved, s.seed()), new int[0]).y(), s.seed());
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static void check(
      OpCase c,
      OpCase.Sample s,
      int input,
      double[] v,
      double analytic,
      double scale,
      String what) {
    double full = (objective(c, s, input, v, H) - objective(c, s, input, v, -H)) / (2 * H);
    double half = (objective(c, s, input, v, H / 2) - objective(c, s, input, v, -H / 2)) / H;
    double numeric = (4 * half - full) / 3;
    double tolerance = Math.abs(full - half) + ROUNDING * scale / H;
    double difference = Math.abs(numeric - analytic);
    assertTrue(
        difference <= tolerance,
        () ->
            "%s, gradient of input %d, %s: backward says %s, differences say %s ± %s"
                .formatted(c.name(), input, what, analytic, numeric, tolerance));
    assertTrue(
        tolerance <= 1e-4 * (Math.abs(numeric) + scale),
        () -> c.name() + ": a tolerance of " + tolerance + " would hide errors; is there a kink?");
  }

  @ParameterizedTest
  @MethodSource("cases")
  void backwardIsTheDerivativeOfForward(OpCase c) {
    OpCase.Sample s = c.sample();
    OpRunner.Result result = ref.run(c, s);
    double[] y = result.y();
    double scale = 0;
    for (int i = 0; i < y.length; i++) {
      scale += Math.abs(y[i] * s.seed()[i]);
    }
    SplittableRandom random = new SplittableRandom(c.name().hashCode() * 31L);
    for (int input = 0; input < c.inputs().size(); input++) {
      if (!c.inputs().get(input).differentiable()) {
        continue;
      }
      double[] gradient = result.gradients()[input];
      int n = gradient.length;
      double[] direction = new double[n];
      for (int i = 0; i < n; i++) {
        direction[i] = random.nextDouble(-1, 1);
      }
      double size = scale + Compare.maximum(gradient);
      check(c, s, input, direction, dot(direction, gradient), size, "random direction");
      int[] chosen =
          n <= ELEMENTS ? IntStream.range(0, n).toArray() : random.ints(ELEMENTS, 0, n).toArray();
      for (int element : chosen) {
        double[] unit = new double[n];
        unit[element] = 1;
        check(c, s, input, unit, gradient[element], size, "element " + element);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void oneGradientAloneIsTheSameAsAmongAll(OpCase c) {
    OpCase.Sample s = c.sample();
    OpRunner.Result all = ref.run(c, s);
    for (int input = 0; input < c.inputs().size(); input++) {
      if (c.inputs().get(input).differentiable()) {
        assertArrayEquals(
            all.gradients()[input],
            ref.run(c, s, input).gradients()[input],
            c.name() + " " + input);
      }
    }
  }
}
