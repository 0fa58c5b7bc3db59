package io.github.eqvae.op;

import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Weight gradients of convolutions that are large enough for the processor to cut them into parts:
 * samples, strips of rows, blocks of channels. Of small integers every sum is exact, so one row too
 * many or too few is seen.
 */
@ExtendWith(CaseExtension.class)
class ConvWeightPartsTest {
  private static OpRunners runners;

  @BeforeAll
  static void open() {
    runners = new OpRunners(List.of("cpu"), OpRunner::new);
  }

  @AfterAll
  static void close() {
    runners.close();
  }

  private static OpCase of(Conv2d op, In x, int out, int kernel) {
    In w = In.of(out, x.shape().dim(3), kernel, kernel);
    return new OpCase(
        op + " " + x.shape() + "→" + out,
        op,
        List.of(x, w, In.of(out)),
        Oracles.conv2d(op),
        ErrorBound.EXACT);
  }

  static List<OpCase> cases() {
    return List.of(
        of(new Conv2d(1, 1), In.of(1, 55, 37, 32), 32, 3), // strips
        of(new Conv2d(1, 0, 2, 1, 0), In.of(1, 85, 25, 32), 32, 3),
        of(new Conv2d(2, 1, 0, 2, 1), In.of(1, 66, 35, 32), 64, 4), // a row is never read
        of(new Conv2d(1, 1), In.of(2, 55, 31, 24), 40, 3), // of two samples
        of(new Conv2d(1, 3, 3, 3, 3), In.of(1, 29, 30, 32), 32, 3), // rows of padding alone
        of(new Conv2d(2, 0), In.of(9, 32, 29, 32), 32, 3), // samples, a row is never read
        of(new Conv2d(1, 1), In.of(1, 11, 12, 64), 256, 3), // blocks of channels
        of(new Conv2d(1, 0), In.of(1, 69, 63, 64), 64, 1));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyRowIsCountedOnce(OpCase original) {
    OpCase c = original.with(In.integers(4));
    OpCase.Sample s = c.sample(In.integers(4));
    OpRunner.Result expected = runners.ref().run(c, s);
    OpRunner.Result actual = runners.on("cpu").run(c, s);
    actual.assertGradientBitsOf(expected, c, 1);
    actual.assertGradientBitsOf(expected, c, 2);
  }
}
