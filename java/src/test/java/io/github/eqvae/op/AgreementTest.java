package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.op.OpRunner.Result;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.testing.Compare;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.testing.TorchOracle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Forward and backward of every operation: the reference against libtorch in double, every other
 * device against both within the derived bound of its operation.
 */
@ExtendWith(CaseExtension.class)
class AgreementTest {
  /**
   * Two double computations may differ by the bound with u = 2⁻⁵³ for each, and libtorch may round
   * four times as often.
   */
  private static final double SINGLE_TO_DOUBLE = 8 * 0x1p-29;

  /** For what the bound does not see, such as the order in which libtorch computes coordinates. */
  private static final double FLOOR = 1e-12;

  private static OpRunners runners;

  @BeforeAll
  static void open() {
    runners = new OpRunners(Devices.computing(), OpRunner::new);
  }

  @AfterAll
  static void close() {
    runners.close();
  }

  static List<OpCase> cases() {
    return OpCases.all();
  }

  static Stream<Arguments> casesOnDevices() {
    return Devices.computing().stream()
        .flatMap(d -> OpCases.all().stream().map(c -> Arguments.of(d, c)));
  }

  private static Result torch(OpCase c, OpCase.Sample s) {
    boolean[] differentiable = new boolean[c.inputs().size()];
    List<Shape> shapes = new ArrayList<>();
    for (int i = 0; i < differentiable.length; i++) {
      differentiable[i] = c.inputs().get(i).differentiable();
      shapes.add(c.inputs().get(i).shape());
    }
    TorchOracle.Result r =
        TorchOracle.run(c.oracle(), shapes, s.inputs(), differentiable, s.seed(), c.output());
    return new Result(r.y(), r.gradients(), r.after());
  }

  /** Running statistics: n values are summed, the old value is mixed in. */
  private static double[] afterBound(OpCase c, OpCase.Sample s, double[] expected) {
    double n = c.inputs().getFirst().shape().elements() / (double) expected.length;
    double x = Compare.maximum(s.inputs()[0]);
    double bound = ErrorBound.gamma(2 * n + 10) * (2 * x * x + x + Compare.maximum(expected)) * 2;
    return ErrorBound.flat(expected, bound);
  }

  private static double[] widen(double[] bound, double factor, double[] expected) {
    double floor = factor < 1 ? FLOOR * Compare.maximum(expected) : 0;
    return Arrays.stream(bound).map(b -> b * factor + floor).toArray();
  }

  private static void compare(
      String what, OpCase c, OpCase.Sample s, Result expected, Result actual, double factor) {
    ErrorBound.Bounds bounds = c.bound().of(c, s, runners.ref().run(c, s), runners.ref());
    Compare.within(
        what + " output",
        c.output(),
        expected.y(),
        actual.y(),
        widen(bounds.y(), factor, expected.y()));
    for (int i = 0; i < c.inputs().size(); i++) {
      In in = c.inputs().get(i);
      if (in.differentiable()) {
        double[] gradient = expected.gradients()[i];
        Compare.within(
            what + " gradient of input " + i,
            in.shape(),
            gradient,
            actual.gradients()[i],
            widen(bounds.gradients()[i], factor, gradient));
      }
      if (in.mutated()) {
        double[] after = expected.after()[i];
        Compare.within(
            what + " input " + i + " afterwards",
            in.shape(),
            after,
            actual.after()[i],
            widen(afterBound(c, s, after), factor, after));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void referenceAgreesWithLibtorch(OpCase c) {
    OpCase.Sample s = c.sample();
    compare(
        c.name() + " ref against libtorch",
        c,
        s,
        torch(c, s),
        runners.ref().run(c, s),
        SINGLE_TO_DOUBLE);
  }

  @ParameterizedTest
  @MethodSource("casesOnDevices")
  void deviceAgreesWithReference(String device, OpCase c) {
    OpCase.Sample s = c.sample();
    compare(
        c.name() + " " + device + " against ref",
        c,
        s,
        runners.ref().run(c, s),
        runners.on(device).run(c, s),
        1);
  }

  @ParameterizedTest
  @MethodSource("casesOnDevices")
  void deviceAgreesWithLibtorch(String device, OpCase c) {
    OpCase.Sample s = c.sample();
    double withTorchsShare = 1 + SINGLE_TO_DOUBLE;
    ErrorBound bound = c.bound();
    OpCase loose =
        new OpCase(
            c.name(),
            c.op(),
            c.inputs(),
            c.oracle(),
            (cc, ss, exact, r) -> {
              ErrorBound.Bounds b = bound.of(cc, ss, exact, r);
              double[][] g = b.gradients().clone();
              for (int i = 0; i < g.length; i++) {
                g[i] = g[i] == null ? null : plus(g[i], exact.gradients()[i]);
              }
              return new ErrorBound.Bounds(plus(b.y(), exact.y()), g);
            });
    compare(
        c.name() + " " + device + " against libtorch",
        loose,
        s,
        torch(c, s),
        runners.on(device).run(c, s),
        withTorchsShare);
  }

  private static double[] plus(double[] bound, double[] like) {
    double floor = like == null ? 0 : FLOOR * Compare.maximum(like);
    return Arrays.stream(bound).map(b -> b + floor).toArray();
  }

  /** A bound that allows a hundredth of the result would prove little. */
  @ParameterizedTest
  @MethodSource("cases")
  void boundIsTight(OpCase c) {
    OpCase.Sample s = c.sample();
    Result exact = runners.ref().run(c, s);
    ErrorBound.Bounds bounds = c.bound().of(c, s, exact, runners.ref());
    // Sampled from outside throughout, a result is zero: then the inputs say what is small.
    double largest = Compare.maximum(exact.y());
    double most = largest > 0 ? largest : Compare.maximum(s.inputs()[0]);
    assertTrue(
        Compare.maximum(bounds.y()) <= 0.01 * most + ErrorBound.U,
        () -> c.name() + ": bound " + Compare.maximum(bounds.y()) + " for results up to " + most);
  }
}
