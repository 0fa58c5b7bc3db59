package io.github.eqvae.bench;

import io.github.eqvae.op.GroupNorm;
import io.github.eqvae.tensor.Shape;
import java.util.List;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** Group norm of 32 groups with SiLU. */
@State(Scope.Thread)
public class GroupNormKernels extends KernelBenchmark {
  /** Batch, side, channels. */
  @Param({"16-256-128", "16-128-256", "16-64-512"})
  public String shape;

  /** What is computed. */
  @Param({"FORWARD", "BACKWARD"})
  public KernelDirection direction;

  @Override
  KernelSpec spec() {
    int[] s = KernelSpec.numbers(shape, 3);
    return new KernelSpec(
        new GroupNorm(32, 1e-6, true),
        List.of(Shape.of(s[0], s[1], s[1], s[2]), Shape.of(s[2]), Shape.of(s[2])),
        1,
        direction);
  }
}
