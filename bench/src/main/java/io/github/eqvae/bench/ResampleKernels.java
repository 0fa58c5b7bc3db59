package io.github.eqvae.bench;

import io.github.eqvae.op.Interpolation;
import io.github.eqvae.op.Resample;
import io.github.eqvae.tensor.Shape;
import java.util.List;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** τ: bilinear to half the side, and a quarter turn. In fp32 on every device, as images are. */
@State(Scope.Thread)
public class ResampleKernels extends KernelBenchmark {
  /** Batch, side, channels. */
  @Param({"16-256-3", "16-32-4"})
  public String shape;

  /** What is computed. */
  @Param({"FORWARD", "BACKWARD"})
  public KernelDirection direction;

  @Override
  KernelSpec spec() {
    int[] s = KernelSpec.numbers(shape, 3);
    return new KernelSpec(
        new Resample(s[1] / 2, s[1] / 2, Interpolation.BILINEAR, 1, false, false),
        List.of(Shape.of(s[0], s[1], s[1], s[2])),
        0,
        direction);
  }
}
