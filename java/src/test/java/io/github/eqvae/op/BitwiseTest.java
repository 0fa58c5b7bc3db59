package io.github.eqvae.op;

import io.github.eqvae.op.OpRunner.Result;
import io.github.eqvae.testing.Compare;
import io.github.eqvae.testing.Devices;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Where no rounding can happen, every device gives the bits of the reference; and every device
 * repeats its own bits.
 */
@ExtendWith(CaseExtension.class)
class BitwiseTest {
  private static final Set<Class<? extends Op>> MOVES =
      Set.of(
          Cast.class,
          Concat.class,
          MaxPool2x2.class,
          Narrow.class,
          Permute.class,
          Relu.class,
          Reshape.class);

  /** Operations that add, multiply and pick: exact on small integers, many of them equal. */
  private static final Set<Class<? extends Op>> SUMS =
      Set.of(
          Add.class,
          Conv2d.class,
          GatedAdd.class,
          Linear.class,
          MaxPool2d.class,
          Pad2d.class,
          Upsample2x.class,
          UpsampleConv2d.class,
          VectorQuantize.class);

  private static OpRunners runners;

  @BeforeAll
  static void open() {
    runners = new OpRunners(Devices.computing(), OpRunner::new);
  }

  @AfterAll
  static void close() {
    runners.close();
  }

  private static Stream<Arguments> onDevices(Stream<OpCase> cases) {
    List<OpCase> list = cases.toList();
    return Devices.computing().stream().flatMap(d -> list.stream().map(c -> Arguments.of(d, c)));
  }

  /** Quarter turns and flips without resizing are moves too. */
  private static boolean moves(OpCase c) {
    return MOVES.contains(c.op().getClass())
        || c.op() instanceof Resample && c.bound() == ErrorBound.EXACT;
  }

  static Stream<Arguments> moving() {
    return onDevices(OpCases.all().stream().filter(BitwiseTest::moves));
  }

  static Stream<Arguments> summing() {
    return onDevices(
        OpCases.all().stream()
            .filter(c -> SUMS.contains(c.op().getClass()))
            .filter(c -> !(c.op() instanceof Conv2d conv) || isExact(conv.activation()))
            .filter(c -> !(c.op() instanceof Linear l) || isExact(l.activation())));
  }

  private static boolean isExact(Activation activation) {
    return switch (activation.kind()) {
      case IDENTITY, RELU -> true;
      case LEAKY_RELU -> activation.slope() == 0;
      case SILU, GELU_TANH, GELU -> false;
    };
  }

  static Stream<Arguments> everything() {
    return onDevices(OpCases.all().stream());
  }

  private static void same(OpCase c, Result expected, Result actual) {
    Compare.bitwise(c.name(), c.output(), expected.y(), actual.y());
    for (int i = 0; i < c.inputs().size(); i++) {
      In in = c.inputs().get(i);
      if (in.differentiable()) {
        Compare.bitwise(
            c.name() + " gradient of input " + i,
            in.shape(),
            positiveZeros(expected.gradients()[i]),
            positiveZeros(actual.gradients()[i]));
      }
      if (in.mutated()) {
        Compare.bitwise(
            c.name() + " input " + i + " afterwards",
            in.shape(),
            expected.after()[i],
            actual.after()[i]);
      }
    }
  }

  /** A sum of products that is 0 may carry either sign, depending on the order. */
  private static double[] positiveZeros(double[] values) {
    double[] out = values.clone();
    for (int i = 0; i < out.length; i++) {
      out[i] += 0.0;
    }
    return out;
  }

  private static Result positiveZeros(Result r) {
    return new Result(positiveZeros(r.y()), r.gradients(), r.after());
  }

  @ParameterizedTest
  @MethodSource("moving")
  void movesAreExact(String device, OpCase c) {
    OpCase.Sample sample = c.sample();
    same(c, runners.ref().run(c, sample), runners.on(device).run(c, sample));
  }

  @ParameterizedTest
  @MethodSource("summing")
  void sumsOfSmallIntegersAreExact(String device, OpCase original) {
    OpCase c = original.with(In.integers(4));
    OpCase.Sample sample = c.sample(In.integers(4));
    same(
        c,
        positiveZeros(runners.ref().run(c, sample)),
        positiveZeros(runners.on(device).run(c, sample)));
  }

  @ParameterizedTest
  @MethodSource("everything")
  void aSecondRunGivesTheSameBits(String device, OpCase c) {
    OpCase.Sample sample = c.sample();
    same(c, runners.on(device).run(c, sample), runners.on(device).run(c, sample));
  }
}
