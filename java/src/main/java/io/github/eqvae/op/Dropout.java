package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Sets values to 0 with a probability of {@code rate} and divides the others by 1 − rate. Which
 * ones depends only on the seed, the purpose and the position (docs/numerics.md, "Random numbers"):
 * element i is dropped if its uniform number is below the rate. Nothing is kept for the backward
 * pass, which draws the same numbers again.
 *
 * <p>Inputs: x {@code [...]}, optional counter {@code []} of {@code F64}, which is added to the
 * purpose so that each launch of a graph drops other values. Output: as x. PyTorch: {@code
 * F.dropout(x, rate)}.
 *
 * @param rate at least 0 and below 1
 * @param seed the run's seed
 * @param purpose what the numbers are for
 */
public record Dropout(double rate, long seed, long purpose) implements Op {
  @Override
  public Inference infer(Inputs in) {
    in.require(rate >= 0 && rate < 1, "the rate is " + rate + ", must be from 0 to below 1");
    if (in.has(1)) {
      in.expect(1, "counter", Shape.SCALAR);
    }
    return Inference.of(in.get(0));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(1);
  }

  private void drop(OpCall c, Tensor from, Tensor to) {
    c.launch(Fn.DROPOUT, Struct.DROPOUT_PARAMS)
        .i32(0)
        .u64(seed)
        .u64(purpose)
        .f64(rate)
        .run(c.optional(1), from, to);
  }

  @Override
  public void forward(OpCall c) {
    drop(c, c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    drop(c, c.dOut(0), c.dIn(0));
  }
}
