package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * softmax(q·kᵀ/√(C/heads))·v per head. q {@code [N,T,C]}, k and v {@code [N,S,C]}. PyTorch: {@code
 * F.scaled_dot_product_attention}.
 *
 * @param heads divides C
 */
public record Attention(int heads) implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape q = in.shape(0, "q", 3);
    Shape k = in.shape(1, "k", 3);
    in.require(
        heads >= 1 && q.dim(2) % heads == 0, q + " is not divisible into " + heads + " heads");
    in.expect(1, "k", Shape.of(q.dim(0), k.dim(1), q.dim(2)));
    in.expect(2, "v", k);
    return Inference.of(in.get(0), in.get(0).full(Shape.of(q.dim(0), heads, q.dim(1))));
  }

  @Override
  public Keeps keeps() {
    return new Keeps(7, 1);
  }

  private double scale(OpCall c) {
    return 1 / Math.sqrt(c.in(0).shape().dim(2) / (double) heads);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.ATTENTION_FWD, Struct.ATTENTION_PARAMS)
        .i32(heads)
        .f32(scale(c))
        .run(c.in(0), c.in(1), c.in(2), c.out(0), c.saved(0));
  }

  private static Tensor gradient(OpCall c, int i) {
    Tensor d = c.dIn(i);
    return d != null ? d : c.temporary(c.in(i).shape(), c.in(i).dtype());
  }

  @Override
  public void backward(OpCall c) {
    c.launch(Fn.ATTENTION_BWD, Struct.ATTENTION_PARAMS)
        .i32(heads)
        .f32(scale(c))
        .run(
            c.dOut(0),
            c.in(0),
            c.in(1),
            c.in(2),
            c.out(0),
            c.saved(0),
            gradient(c, 0),
            gradient(c, 1),
            gradient(c, 2));
  }
}
