package io.github.eqvae.bench;

import io.github.eqvae.op.PixelLoss;
import io.github.eqvae.tensor.Shape;
import java.util.List;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** The L1 loss of two images. In fp32 on every device. */
@State(Scope.Thread)
public class LossKernels extends KernelBenchmark {
  /** Batch, side, channels. */
  @Param({"16-256-3"})
  public String shape;

  /** What is computed. */
  @Param({"FORWARD", "BACKWARD"})
  public KernelDirection direction;

  @Override
  KernelSpec spec() {
    int[] s = KernelSpec.numbers(shape, 3);
    Shape x = Shape.of(s[0], s[1], s[1], s[2]);
    return new KernelSpec(new PixelLoss(PixelLoss.Kind.L1, 1), List.of(x, x), 0, direction);
  }
}
