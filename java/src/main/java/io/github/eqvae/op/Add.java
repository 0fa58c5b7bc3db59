package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;

/**
 * The sum of two tensors of one shape: the residual connection. y = a + b. The backward pass passes
 * the gradient on without a copy. PyTorch: {@code a + b}.
 */
public record Add() implements Op {
  @Override
  public Inference infer(Inputs in) {
    in.expect(1, "b", in.shape(0));
    return Inference.of(in.get(0));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(1).f32(1).run(c.in(0), c.in(1), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    for (int i = 0; i < 2; i++) {
      if (c.wants(i)) {
        c.pass(i, c.dOut(0));
      }
    }
  }
}
