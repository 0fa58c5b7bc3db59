package io.github.eqvae.generator;

import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.LayerNorm;
import io.github.eqvae.nn.Linear;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Activation;
import io.github.eqvae.op.Cast;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.Reshape;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/** Helpers of the blocks: layers with DiT's initialisation, and parts of tensors. */
final class Layers {
  static final double EPS = 1e-6;

  private Layers() {}

  /** A layer with a Xavier-uniform weight and bias 0. */
  static Linear linear(Scope scope, int in, int out, Activation activation) {
    return new Linear(scope, in, out, Init.xavierUniform(in, out), Init.ZEROS, activation);
  }

  static Linear linear(Scope scope, int in, int out) {
    return linear(scope, in, out, Activation.IDENTITY);
  }

  /** A layer of zeros: before training, a block is the identity and the network's output is 0. */
  static Linear zero(Scope scope, int in, int out) {
    return new Linear(scope, in, out, Init.ZEROS, Init.ZEROS, Activation.IDENTITY);
  }

  static LayerNorm norm(Scope scope, DitConfig config) {
    return config.rmsNorm() ? LayerNorm.rms(scope, config.width(), EPS) : LayerNorm.plain(EPS);
  }

  static Tensor reshape(Tape tape, Tensor x, long... extents) {
    return tape.apply(new Reshape(Shape.of(extents)), x);
  }

  /** Some of the parts of {@code [N, parts, D]}. */
  static Tensor parts(Tape tape, Tensor modulation, int first, int count) {
    return tape.apply(new Narrow(1, first, count), modulation);
  }

  /** One of the parts of {@code [N, parts, D]} as {@code [N, D]}. */
  static Tensor part(Tape tape, Tensor modulation, int which) {
    Tensor part = parts(tape, modulation, which, 1);
    return reshape(tape, part, part.shape().dim(0), part.shape().dim(2));
  }

  static Tensor cast(Tape tape, Tensor x, DType dtype) {
    return x.dtype() == dtype ? x : tape.apply(new Cast(dtype), x);
  }
}
