package io.github.eqvae.bench;

import io.github.eqvae.op.Linear;
import io.github.eqvae.tensor.Shape;
import java.util.List;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** A linear layer. */
@State(Scope.Thread)
public class LinearKernels extends KernelBenchmark {
  /** Rows, inputs, outputs. */
  @Param({"16384-512-512", "8192-1152-4608"})
  public String shape;

  /** What is computed. */
  @Param({"FORWARD", "INPUT_GRADIENT", "WEIGHT_GRADIENT"})
  public KernelDirection direction;

  @Override
  KernelSpec spec() {
    int[] s = KernelSpec.numbers(shape, 3);
    return new KernelSpec(
        new Linear(),
        List.of(Shape.of(s[0], s[1]), Shape.of(s[2], s[1]), Shape.of(s[2])),
        1,
        direction);
  }
}
