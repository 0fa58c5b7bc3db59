package io.github.eqvae.bench;

import io.github.eqvae.op.Attention;
import io.github.eqvae.tensor.Shape;
import java.util.List;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** Attention of one head, as in the middle of the autoencoder. */
@State(Scope.Thread)
public class AttentionKernels extends KernelBenchmark {
  /** Batch, tokens, channels. */
  @Param({"16-1024-512"})
  public String shape;

  /** What is computed. */
  @Param({"FORWARD", "BACKWARD"})
  public KernelDirection direction;

  @Override
  KernelSpec spec() {
    int[] s = KernelSpec.numbers(shape, 3);
    Shape x = Shape.of(s[0], s[1], s[2]);
    return new KernelSpec(new Attention(1), List.of(x, x, x), 3, direction);
  }
}
