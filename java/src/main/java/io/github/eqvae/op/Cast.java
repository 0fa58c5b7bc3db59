package io.github.eqvae.op;

import io.github.eqvae.tensor.DType;

/**
 * The same values in another floating dtype, rounded to nearest even. The gradient is cast back.
 * PyTorch: {@code x.to(dtype)}.
 *
 * @param to the dtype
 */
public record Cast(DType to) implements Op {
  @Override
  public Inference infer(Inputs in) {
    return Inference.of(new Spec(in.shape(0), to));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  @Override
  public void forward(OpCall c) {
    c.in(0).copyTo(c.stream(), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    c.dOut(0).copyTo(c.stream(), java.util.Objects.requireNonNull(c.dIn(0)));
  }
}
