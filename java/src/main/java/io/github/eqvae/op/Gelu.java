package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;

/**
 * y = x·Φ(x), Φ the normal distribution function, or its approximation ½x(1 + tanh(√(2/π)(x +
 * 0.044715x³))) (Hendrycks and Gimpel, arXiv 1606.08415); any shape. PyTorch: {@code F.gelu(x,
 * approximate="none")} and {@code "tanh"}.
 *
 * @param tanh whether it is the approximation; DiT's
 */
public record Gelu(boolean tanh) implements Op {
  private Activation function() {
    return tanh ? Activation.GELU_TANH : Activation.GELU;
  }

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
    function().on(c.launch(Fn.ACTIVATION_FWD, Struct.ACTIVATION_PARAMS)).run(c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    function()
        .on(c.launch(Fn.ACTIVATION_BWD, Struct.ACTIVATION_PARAMS))
        .run(c.dOut(0), c.in(0), c.dIn(0));
  }
}
