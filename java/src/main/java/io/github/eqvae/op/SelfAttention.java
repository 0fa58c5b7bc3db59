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
 * <p>Inputs: qkv {@code [N,T,3C]} = q, k, v, each of {@code heads} heads side by side; optional
 * counter {@code []} of {@code F64}. Output: {@code [N,T,C]}. Saved: the log-sum-exp of each row of
 * scores. Scores are never in memory all at once: the backward pass computes them again. Every sum
 * has a fixed order. PyTorch: {@code q, k, v = qkv.chunk(3, -1)}, each reshaped to heads, {@code
 * F.scaled_dot_product_attention}; timm's {@code Attention} between its two projections.
 *
 * <p>Dropout, in training: of the weights, after the softmax, a share of {@code rate} is set to 0
 * and the others are divided by 1 − rate ({@code dropout_p}). Which ones depends only on the seed,
 * the purpose with the counter added, and the sample, head, query and key, as for {@link Dropout}
 * of all weights {@code [N,heads,T,T]} with the last T rounded up to a multiple of 4
 * (docs/numerics.md, "Random numbers"). No mask is kept: the backward pass draws the same numbers
 * again.
 *
 * @param heads divides C into heads of at most 128 channels
 * @param rate of dropout, at least 0 and below 1
 * @param seed the run's seed
 * @param purpose what the numbers are for
 */
public record SelfAttention(int heads, double rate, long seed, long purpose) implements Op {
  private static final int LARGEST_HEAD = 128;

  /**
   * Attention without dropout.
   *
   * @param heads divides C into heads of at most 128 channels
   */
  public SelfAttention(int heads) {
    this(heads, 0, 0, 0);
  }

  @Override
  public Inference infer(Inputs in) {
    in.require(rate >= 0 && rate < 1, "the rate is " + rate + ", must be from 0 to below 1");
    if (in.has(1)) {
      in.expect(1, "counter", Shape.SCALAR);
    }
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
    return new Keeps(3, 1);
  }

  private Launch launch(OpCall c, Fn fn) {
    return c.launch(fn, Struct.SELF_ATTENTION_PARAMS)
        .i32(heads)
        .f32(1 / Math.sqrt(c.in(0).shape().dim(2) / (3.0 * heads)))
        .i32(0)
        .u64(seed)
        .u64(purpose)
        .f64(rate);
  }

  @Override
  public void forward(OpCall c) {
    launch(c, Fn.SELF_ATTENTION_FWD).run(c.optional(1), c.in(0), c.out(0), c.saved(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor dqkv = c.dIn(0);
    launch(c, Fn.SELF_ATTENTION_BWD)
        .run(c.optional(1), c.dOut(0), c.in(0), c.out(0), c.saved(0), dqkv);
  }
}
