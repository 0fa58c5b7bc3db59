package io.github.eqvae.op;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * y = x·scale + shift per channel; scale and shift are constants, each of which may be left out.
 * PyTorch: {@code x * scale + shift}.
 */
public record ChannelAffine() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape c = Shape.of(in.shape(0).dim(-1));
    if (in.has(1)) {
      in.expect(1, "scale", c);
    }
    if (in.has(2)) {
      in.expect(2, "shift", c);
    }
    return Inference.of(in.get(0));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(1);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.CHANNEL_AFFINE).run(c.in(0), c.optional(1), c.optional(2), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    if (c.wants(1) || c.wants(2)) {
      throw new EqvaeException.Unsupported("channel_affine: scale and shift are constants");
    }
    Tensor scale = c.optional(1);
    if (scale == null) {
      c.pass(0, c.dOut(0));
    } else {
      c.launch(Fn.CHANNEL_AFFINE).run(c.dOut(0), scale, null, c.dIn(0));
    }
  }
}
