package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Tensor;

/**
 * y = factor · x, any shape. The backward pass reads nothing. PyTorch: {@code factor * x}.
 *
 * @param factor the factor, rounded to single precision
 */
public record Scale(double factor) implements Op {
  @Override
  public Inference infer(Inputs in) {
    return Inference.of(in.get(0));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(factor).f32(0).run(c.in(0), null, c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor dx = c.dIn(0);
    c.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(factor).f32(0).run(c.dOut(0), null, dx);
  }
}
