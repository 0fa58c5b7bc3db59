package io.github.eqvae.diffusion;

import io.github.eqvae.op.LayerNorm;
import io.github.eqvae.op.SampleError;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * 1 − cos over the last axis, the mean over a sample's places. Vectors of length √C are 2C·(1 −
 * cos) apart, squared: an RMS norm and a mean of squares are all it takes.
 */
final class CosineDistance {
  /** Beside the mean of squares: PyTorch's cosine similarity divides by 10⁻⁸ at least. */
  private static final double EPS = 1e-16;

  private CosineDistance() {}

  /** Of {@code [N, ..., C]} and the same it is {@code [N]}. */
  static Tensor of(Tape tape, Tensor a, Tensor b) {
    LayerNorm unit = new LayerNorm(EPS, true);
    Tensor half = tape.arena().tensor(Shape.of(a.shape().dim(0)));
    half.fill(tape.stream(), 0.5);
    return tape.apply(new SampleError(), tape.apply(unit, a), tape.apply(unit, b), half);
  }
}
