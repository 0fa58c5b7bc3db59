package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;

/**
 * Cosines and sines of a time: cos(t·f_k) for k below half the width, then sin(t·f_k), f_k =
 * maxPeriod^(−k/half); if the width is odd, the last value is 0. Angles are computed in double
 * precision.
 *
 * <p>Input: t {@code [...]}. Output: {@code [...,width]}. Source: {@code
 * TimestepEmbedder.timestep_embedding} of facebookresearch/DiT.
 *
 * @param width how many numbers a time becomes; 256 in DiT
 * @param maxPeriod the slowest wave's period over 2π; 10000 in DiT
 */
public record TimestepEmbedding(int width, double maxPeriod) implements Op {
  @Override
  public Inference infer(Inputs in) {
    in.require(width >= 2, "the width is " + width + ", must be at least 2");
    in.require(maxPeriod >= 1, "the longest period is " + maxPeriod + ", must be at least 1");
    long[] t = in.shape(0).extents();
    long[] y = java.util.Arrays.copyOf(t, t.length + 1);
    y[t.length] = width;
    return Inference.of(in.get(0).as(Shape.of(y)));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.TIMESTEP_EMBEDDING_FWD, Struct.TIMESTEP_EMBEDDING_PARAMS)
        .f32(maxPeriod)
        .run(c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    c.launch(Fn.TIMESTEP_EMBEDDING_BWD, Struct.TIMESTEP_EMBEDDING_PARAMS)
        .f32(maxPeriod)
        .run(c.dOut(0), c.in(0), c.dIn(0));
  }
}
