package io.github.eqvae.bench;

import io.github.eqvae.op.Conv2d;
import io.github.eqvae.tensor.Shape;
import java.util.List;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** The twelve convolutions that take most of the time of a training step at 256 px. */
@State(Scope.Thread)
public class ConvKernels extends KernelBenchmark {
  /** Batch, side, channels in and out, kernel, stride. */
  @Param({
    "16-256-128-128-3-1",
    "16-64-512-512-3-1",
    "16-128-256-256-3-1",
    "16-32-512-512-3-1",
    "16-128-512-512-3-1",
    "16-256-256-256-3-1",
    "16-128-512-256-3-1",
    "16-256-256-128-3-1",
    "16-32-256-512-4-1",
    "16-128-128-256-3-1",
    "16-64-256-512-3-1",
    "16-256-128-128-3-2"
  })
  public String shape;

  /** What is computed. */
  @Param({"FORWARD", "INPUT_GRADIENT", "WEIGHT_GRADIENT"})
  public KernelDirection direction;

  @Override
  KernelSpec spec() {
    int[] s = KernelSpec.numbers(shape, 6);
    Shape weight = Shape.of(s[3], s[2], s[4], s[4]);
    return new KernelSpec(
        new Conv2d(s[5], s[4] > 1 ? 1 : 0),
        List.of(Shape.of(s[0], s[1], s[1], s[2]), weight, Shape.of(s[3])),
        1,
        direction);
  }
}
