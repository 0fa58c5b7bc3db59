package io.github.eqvae.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.Devices;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Factors in TF32, which have 10 bits after the point. */
class Tf32Test extends RoundedProducts {
  private static final Set<Class<? extends Op>> MULTIPLYING =
      Set.of(Attention.class, Conv2d.class, Linear.class, UpsampleConv2d.class);

  static boolean multiplies(Op op) {
    return MULTIPLYING.contains(op.getClass());
  }

  Tf32Test() {
    super(
        MathMode.TF32,
        Devices.computing().stream().filter(d -> !"cpu".equals(d)).toList(),
        Tf32Test::multiplies,
        10);
  }

  @Test
  void theCpuSaysThatItHasNone() {
    try (Device cpu = Device.open("cpu");
        Stream stream = new Stream(cpu)) {
      EqvaeException e =
          assertThrows(EqvaeException.Unsupported.class, () -> stream.math(MathMode.TF32));
      assertEquals(
          "stream_math: this device does not multiply fp32 matrices in TF32; use EQV_MATH_FP32",
          e.getMessage(),
          e::getMessage);
    }
  }
}
