package io.github.eqvae.model;

import io.github.eqvae.nn.BatchNorm2d;
import io.github.eqvae.nn.Conv2d;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Relu;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * Convolution without bias, batch normalisation with its running statistics, ReLU. Source:
 * torchvision {@code models/inception.py}, {@code BasicConv2d}.
 */
final class BasicConv2d {
  private static final double EPS = 1e-3;
  private static final double MOMENTUM = 0.1; // not used: the network is not trained

  private final Conv2d conv;
  private final BatchNorm2d bn;

  private BasicConv2d(
      Scope s, int in, int out, int height, int width, io.github.eqvae.op.Conv2d op) {
    // Random weights of this size keep the size of activations through all 94 layers.
    Init init = new Init.Normal(0, Math.sqrt(2.0 / ((double) in * height * width)));
    conv = new Conv2d(s.in("conv"), in, out, height, width, op, init, null);
    bn = new BatchNorm2d(s.in("bn"), out, EPS, MOMENTUM, Init.ONES);
  }

  /** A kernel of odd sides, padded so that the image keeps its size. */
  static BasicConv2d same(Scope s, int in, int out, int height, int width) {
    int rows = height / 2;
    int columns = width / 2;
    return new BasicConv2d(
        s, in, out, height, width, new io.github.eqvae.op.Conv2d(1, rows, rows, columns, columns));
  }

  /** 1×1. */
  static BasicConv2d pointwise(Scope s, int in, int out) {
    return same(s, in, out, 1, 1);
  }

  /** 3×3 without padding. */
  static BasicConv2d valid3x3(Scope s, int in, int out, int stride) {
    return new BasicConv2d(s, in, out, 3, 3, new io.github.eqvae.op.Conv2d(stride, 0));
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, in] → [N, P, Q, out]
    return tape.block(this::run, x);
  }

  private Tensor run(Tape tape, Tensor x) {
    return tape.apply(new Relu(), bn.forward(tape, conv.forward(tape, x), false));
  }
}
