package io.github.eqvae.generator;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import org.junit.jupiter.api.Test;

/** The vision transformer in bf16, on what stands in for a GPU. */
class VisionTransformerTest {
  private static final VitConfig CONFIG = new VitConfig(4, 3, 32, 2, 2, 64, 1);

  /**
   * Some 11 results are stored per block, and each stored result is off by at most 2⁻⁸ of itself.
   */
  @Test
  void bf16IsNearSinglePrecision() {
    double[] single = onSimt(DType.F32);
    double[] half = onSimt(DType.BF16);
    double difference = 0;
    double size = 0;
    for (int i = 0; i < single.length; i++) {
      difference += Math.pow(single[i] - half[i], 2);
      size += Math.pow(single[i], 2);
    }
    double off = Math.sqrt(difference / size);
    double bound = 0x1p-8 * (11 * CONFIG.depth() + 4);
    assertTrue(off > 0, "bf16 was not used");
    assertTrue(off < bound, () -> "off by " + off + ", at most " + bound);
  }

  /** The patch tokens of two pictures. */
  private static double[] onSimt(DType activations) {
    try (Device simt = Device.open("simt");
        Stream s = new Stream(simt);
        TensorArena memory = new TensorArena(simt, "test");
        VisionTransformer vit = new VisionTransformer(CONFIG, PositionResize.HUB, s, 7)) {
      vit.parameters().all().forEach(p -> p.value().normal(s, 3, p.name().hashCode(), 0, 0.1));
      vit.computeIn(activations);
      Tensor images = memory.tensor(Shape.of(2, 12, 12, 3));
      images.normal(s, 1, 2, 0, 1);
      Tensor patches = vit.forward(new Tape(s, memory, Tape.Mode.INFERENCE), images).patches();
      Tensor dense = memory.tensor(patches.shape());
      patches.copyTo(s, dense);
      return dense.toDoubles(s);
    }
  }
}
