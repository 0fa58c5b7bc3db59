package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MathMode;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Factors rounded to bf16 by the processor. Where it has instructions for their products, this
 * tests those; elsewhere, and with {@code ONEDNN_MAX_CPU_ISA=AVX2} in the environment, it tests the
 * emulation.
 */
class Bf16ProductsTest extends RoundedProducts {
  private static final Set<Class<? extends Op>> MULTIPLYING =
      Set.of(
          Attention.class, Conv2d.class, Linear.class, SelfAttention.class, UpsampleConv2d.class);

  Bf16ProductsTest() {
    super(MathMode.BF16, List.of("cpu"), op -> MULTIPLYING.contains(op.getClass()), 7);
  }

  @Test
  void aGpuSaysThatItHasNone() {
    try (Device shim = Device.open("simt");
        var stream = new io.github.eqvae.tensor.Stream(shim)) {
      EqvaeException e =
          assertThrows(EqvaeException.Unsupported.class, () -> stream.math(MathMode.BF16));
      assertEquals(
          "stream_math: this device does not multiply fp32 matrices in bf16; use EQV_MATH_FP32",
          e.getMessage(),
          e::getMessage);
    }
  }

  private static OpCase of(Op op, In... inputs) {
    return new OpCase(
        op + " of " + inputs[0].shape(), op, List.of(inputs), in -> in[0], ErrorBound.EXACT);
  }

  static Stream<OpCase> sizes() {
    return Stream.of(
        of(new Linear(), In.of(64, 96), In.of(160, 96), In.of(160)),
        of(new Linear(Activation.GELU_TANH), In.of(600, 48), In.of(80, 48), In.of(80)),
        of(new SelfAttention(2), In.of(4, 70, 3 * 32)));
  }

  /** As in single precision; of convolutions this is true for all but the weight's gradient. */
  @ParameterizedTest
  @MethodSource("sizes")
  void threadsChangeNoBit(OpCase c) {
    OpCase.Sample s = c.sample();
    try (OpRunner one = OpRunner.withThreads(1, MathMode.BF16);
        OpRunner three = OpRunner.withThreads(3, MathMode.BF16)) {
      three.run(c, s).assertBitsOf(one.run(c, s), c);
    }
  }
}
