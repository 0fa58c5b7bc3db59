package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;

/** y = max(x, 0), any shape. PyTorch: {@code F.relu}. */
public record Relu() implements Op {
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
    Activation.RELU
        .on(c.launch(Fn.ACTIVATION_FWD, Struct.ACTIVATION_PARAMS))
        .run(c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    Activation.RELU
        .on(c.launch(Fn.ACTIVATION_BWD, Struct.ACTIVATION_PARAMS))
        .run(c.dOut(0), c.in(0), c.dIn(0));
  }
}
