package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;

/** y = x·sigmoid(x), any shape. PyTorch: {@code F.silu}. */
public record Silu() implements Op {
  @Override
  public Inference infer(Inputs in) {
    return Inference.of(in.get(0));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0);
  }

  @Override
  public void forward(OpCall c) {
    Activation.SILU
        .on(c.launch(Fn.ACTIVATION_FWD, Struct.ACTIVATION_PARAMS))
        .run(c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    Activation.SILU
        .on(c.launch(Fn.ACTIVATION_BWD, Struct.ACTIVATION_PARAMS))
        .run(c.dOut(0), c.in(0), c.dIn(0));
  }
}
