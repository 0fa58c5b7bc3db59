package io.github.eqvae.model;

import io.github.eqvae.op.Cast;
import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.GroupNorm;
import io.github.eqvae.op.UpsampleConv2d;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Tensor;

/** Operations that all blocks use. */
final class Ops {
  /** 3×3, the image keeps its size. */
  static final Conv2d SAME_3X3 = new Conv2d(1, 1);

  /** 1×1. */
  static final Conv2d POINTWISE = new Conv2d(1, 0);

  /** Downsampling: one row and column of zeros below and to the right, as CompVis pads. */
  static final Conv2d HALVE = new Conv2d(2, 0, 1, 0, 1);

  /** Upsampling, then 3×3. */
  static final UpsampleConv2d DOUBLE = new UpsampleConv2d();

  private static final double EPS = 1e-6;

  private Ops() {}

  /** x in another dtype; x itself when it has that dtype already. */
  static Tensor cast(Tape tape, Tensor x, DType dtype) {
    return x.dtype() == dtype ? x : tape.apply(new Cast(dtype), x);
  }

  static GroupNorm norm(int groups) {
    return new GroupNorm(groups, EPS, false);
  }

  static GroupNorm normSilu(int groups) {
    return new GroupNorm(groups, EPS, true);
  }
}
