package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.testing.Devices;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What random numbers do not show: NaN, infinities, windows that do not fit. */
class Pool2dTest {
  private static final double NAN = Double.NaN;
  private static final double LOW = Double.NEGATIVE_INFINITY;

  static Stream<String> devices() {
    return Stream.concat(Stream.of("ref"), Devices.computing().stream());
  }

  private static OpRunner.Result run(String device, Op op, double... x) {
    OpCase c =
        new OpCase(
            "edge", op, List.of(In.of(1, 2, x.length / 2, 1)), in -> in[0], ErrorBound.EXACT);
    double[] seed = new double[(int) c.output().elements()];
    for (int i = 0; i < seed.length; i++) {
      seed[i] = 1 << i;
    }
    try (OpRunner runner = new OpRunner(device)) {
      return runner.run(c, new OpCase.Sample(new double[][] {x}, seed));
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aNaNWinsAndTheFirstOfEqualsToo(String device) {
    OpRunner.Result r = run(device, new MaxPool2d(2, 1, 0), 1, 7, 7, 2, 3, 7, NAN, 9);
    assertArrayEquals(new double[] {7, NAN, NAN}, r.y());
    // The first window's 7 is its first pixel of that value; NaN takes the other two gradients.
    assertArrayEquals(new double[] {0, 1, 0, 0, 0, 0, 6, 0}, r.gradients()[0]);
  }

  /** Outside the image is nothing, not zero. */
  @ParameterizedTest
  @MethodSource("devices")
  void paddingIsNoPixel(String device) {
    OpRunner.Result max = run(device, new MaxPool2d(3, 2, 1), LOW, -5, LOW, -6);
    assertArrayEquals(new double[] {-5}, max.y());
    OpRunner.Result lowest = run(device, new MaxPool2d(3, 2, 1), LOW, LOW);
    assertArrayEquals(new double[] {LOW}, lowest.y());
    assertArrayEquals(new double[] {1, 0}, lowest.gradients()[0]);
    OpRunner.Result mean = run(device, new AvgPool2d(3, 1, 1), 4, 4, 4, 4, 4, 4);
    assertArrayEquals(new double[] {4, 4, 4, 4, 4, 4}, mean.y());
  }

  @Test
  void windowsThatDoNotFitAreRefused() {
    Spec x = new Spec(Shape.of(1, 4, 5, 2), DType.F32);
    for (Op op :
        List.of(
            new MaxPool2d(5, 1, 0),
            new AvgPool2d(0, 1, 0),
            new AvgPool2d(2, 0, 0),
            new MaxPool2d(3, 1, 2),
            new AvgPool2d(1, 3, 1, 1),
            new AvgPool2d(3, 1, -1),
            new MaxPool2d(17, 1, 8))) {
      assertThrows(EqvaeException.Argument.class, () -> op.infer(new Inputs(op, x)), op::toString);
    }
    Op fits = new AvgPool2d(4, 5, 1, 2);
    assertEquals(
        Shape.of(1, 5, 5, 2), fits.infer(new Inputs(fits, x)).outputs().getFirst().shape());
  }
}
