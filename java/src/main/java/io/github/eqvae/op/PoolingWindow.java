package io.github.eqvae.op;

import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;

/**
 * The windows of max pooling and average pooling: their common shape rule and native parameters.
 */
record PoolingWindow(int height, int width, int stride, int padding) {
  /** {@code EQV_POOL_MAX}, {@code EQV_POOL_MEAN}. */
  enum Kind {
    MAX,
    MEAN
  }

  /** The output's shape; fails for windows that do not fit the input. */
  Shape output(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    in.require(
        height > 0 && width > 0 && stride > 0,
        "a window of %d×%d every %d pixels: none may be below 1".formatted(height, width, stride));
    in.require(
        padding >= 0 && padding <= Math.min(height, width) / 2,
        "padding is %d, must be 0 to half of the %d×%d window".formatted(padding, height, width));
    long h = x.dim(1) + 2L * padding - height;
    long w = x.dim(2) + 2L * padding - width;
    in.require(
        h >= 0 && w >= 0,
        "x %s with padding %d is smaller than the %d×%d window"
            .formatted(x, padding, height, width));
    return Shape.of(x.dim(0), h / stride + 1, w / stride + 1, x.dim(3));
  }

  Launch params(Launch launch, Kind kind) {
    return launch.i32(kind.ordinal()).i32(height).i32(width).i32(stride).i32(padding);
  }
}
