package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Attention of queries, keys and values from the result of one matrix product: softmax(q·kᵀ/√D)·v
 * per head of D channels.
 *
 * <p>Input: qkv {@code [N,T,3C]} = q, k, v, each of {@code heads} heads side by side. Output:
 * {@code [N,T,C]}. Saved: the log-sum-exp of each row of scores. Scores are never in memory all at
 * once: the backward pass computes them again. Every sum has a fixed order. PyTorch: {@code q, k, v
 * = qkv.chunk(3, -1)}, each reshaped to heads, {@code F.scaled_dot_product_attention}; timm's
 * {@code Attention} between its two projections.
 *
 * @param heads divides C into heads of at most 128 channels
 */
public record SelfAttention(int heads) implements Op {
  private static final int LARGEST_HEAD = 128;

  @Override
  public Inference infer(Inputs in) {
    Shape qkv = in.shape(0, "qkv", 3);
    in.require(
        heads >= 1 && qkv.dim(2) % (3L * heads) == 0,
        "qkv " + qkv + " is not divisible into queries, keys and values of " + heads + " heads");
    long c = qkv.dim(2) / 3;
    in.require(
        c / heads <= LARGEST_HEAD,
        "a head has " + c / heads + " channels, at most " + LARGEST_HEAD + " are possible");
    return Inference.of(
        in.get(0).as(qkv.with(2, c)), in.get(0).full(Shape.of(qkv.dim(0), heads, qkv.dim(1))));
  }

  @Override
  public Keeps keeps() {
    return new Keeps(1, 1);
  }

  private Launch launch(OpCall c, Fn fn) {
    return c.launch(fn, Struct.ATTENTION_PARAMS)
        .i32(heads)
        .f32(1 / Math.sqrt(c.in(0).shape().dim(2) / (3.0 * heads)));
  }

  @Override
  public void forward(OpCall c) {
    launch(c, Fn.SELF_ATTENTION_FWD).run(c.in(0), c.out(0), c.saved(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor dqkv = c.dIn(0);
    launch(c, Fn.SELF_ATTENTION_BWD).run(c.dOut(0), c.in(0), c.out(0), c.saved(0), dqkv);
  }
}
