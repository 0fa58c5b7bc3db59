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
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.IntPredicate;
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
  /** Half the distance from 1 to the next bf16. */
  private static final double U16 = 0x1p-8;

  /** Operations that take bf16, and which of their inputs are activations; all others refuse it. */
  private static final Map<Class<? extends Op>, IntPredicate> ACTIVATIONS =
      Map.ofEntries(
          Map.entry(Add.class, i -> true),
          Map.entry(Attention.class, i -> true),
          Map.entry(AvgPool2d.class, i -> true),
          Map.entry(BatchNorm.class, i -> i == 0),
          Map.entry(Cast.class, i -> true),
          Map.entry(Concat.class, i -> true),
          Map.entry(Conv2d.class, i -> i == 0 || i == 3),
          Map.entry(Dropout.class, i -> i == 0),
          Map.entry(GatedAdd.class, i -> true),
          Map.entry(GatedUnit.class, i -> true),
          Map.entry(Gelu.class, i -> true),
          Map.entry(GroupNorm.class, i -> i == 0),
          Map.entry(LayerNorm.class, i -> i == 0 || i == 3),
          Map.entry(LeakyRelu.class, i -> true),
          Map.entry(Linear.class, i -> i == 0),
          Map.entry(LpipsHead.class, i -> i < 2),
          Map.entry(MaxPool2d.class, i -> true),
          Map.entry(MaxPool2x2.class, i -> true),
          Map.entry(Narrow.class, i -> true),
          Map.entry(Pad2d.class, i -> true),
          Map.entry(Permute.class, i -> true),
          Map.entry(Relu.class, i -> true),
          Map.entry(Reshape.class, i -> true),
          Map.entry(Rope.class, i -> i == 0),
          Map.entry(Scale.class, i -> true),
          Map.entry(SelfAttention.class, i -> i == 0),
          Map.entry(Silu.class, i -> true),
          Map.entry(Upsample2x.class, i -> true),
          Map.entry(UpsampleConv2d.class, i -> i == 0));

  private static OpRunners runners;

  static boolean takesBf16(Op op) {
    return ACTIVATIONS.containsKey(op.getClass());
  }

  static boolean isActivation(Op op, int input) {
    return ACTIVATIONS.getOrDefault(op.getClass(), i -> false).test(input);
  }

  @BeforeAll
  static void open() {
    runners = new OpRunners(Devices.kernels(), d -> new OpRunner(d, true));
  }

  @AfterAll
  static void close() {
    runners.close();
  }

  static Stream<Arguments> cases() {
    return OpCases.on(Devices.kernels(), Bf16Test::takesBf16);
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
      out[i] += bound[i] == 0 ? 0 : U16 * (Math.abs(exact[i]) + bound[i]);
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
    ErrorBound.Bounds bounds = c.bound().of(c, s, exact, ref);
    if (c.op() instanceof Attention) {
      bounds = ErrorBounds.attentionInBf16(c, s, bounds);
    }
    if (c.op() instanceof SelfAttention) {
      bounds = TransformerBounds.selfAttentionInBf16(c, s, bounds);
    }
    if (c.op() instanceof Linear l && l.activation().kind() != Activation.Kind.IDENTITY) {
      bounds = TransformerBounds.activatedLinear(c, s, ref, 0, 1.01 * U16);
    }
    if (c.op() instanceof Conv2d) {
      bounds = ErrorBounds.convInBf16(c, s, bounds, ref);
    }
    if (c.op() instanceof UpsampleConv2d) {
      bounds = ErrorBounds.upsampleConvInBf16(c, s, bounds, ref);
    }
    for (OpRunner runner : runners) {
      compare(c, exact, runner.run(c, s), bounds);
    }
  }

  private static void compare(OpCase c, Result exact, Result actual, ErrorBound.Bounds bounds) {
    boolean fullOutput = c.op() instanceof LpipsHead || c.op() instanceof Cast;
    Compare.within(
        c.name() + " output",
        c.output(),
        exact.y(),
        actual.y(),
        stored(exact.y(), bounds.y(), !fullOutput));
    for (int i = 0; i < c.inputs().size(); i++) {
      In in = c.inputs().get(i);
      if (in.differentiable()) {
        double[] gradient = exact.gradients()[i];
        Compare.within(
            c.name() + " gradient of input " + i,
            in.shape(),
            gradient,
            actual.gradients()[i],
            stored(gradient, bounds.gradients()[i], isActivation(c.op(), i)));
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
  void whatIsNotListedTakesNoBf16() throws Exception {
    List<Class<?>> others = new ArrayList<>(OpGateTest.operations());
    others.removeAll(ACTIVATIONS.keySet());
    assertFalse(others.isEmpty());
    for (String device : Devices.kernels()) {
      try (OpRunner runner = OpRunner.withFirstInBf16(device)) {
        for (Class<?> type : others) {
          OpCase c =
              OpCases.all().stream()
                  .filter(o -> o.op().getClass() == type)
                  .findFirst()
                  .orElseThrow();
          EqvaeException e =
              assertThrows(EqvaeException.class, () -> runner.run(c, c.sample()), c::name);
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
