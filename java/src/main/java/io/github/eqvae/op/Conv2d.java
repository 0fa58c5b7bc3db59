package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Two-dimensional convolution with zero padding.
 *
 * <p>y[n,p,q,o] = bias[o] + Σ x[n, p·stride + r − top, q·stride + s − left, i] · weight[o,i,r,s]
 *
 * <p>Inputs: x {@code [N,H,W,I]}, weight {@code [O,I,kH,kW]}, optional bias {@code [O]}. Output: y
 * {@code [N,P,Q,O]} with P = (H + top + bottom − kH)/stride + 1. The backward pass reads x and
 * weight. PyTorch: {@code F.conv2d} after {@code F.pad(x, (left, right, top, bottom))}.
 *
 * @param stride 1 or 2
 * @param top rows of zeros above
 * @param bottom rows of zeros below
 * @param left columns of zeros to the left
 * @param right columns of zeros to the right
 */
public record Conv2d(int stride, int top, int bottom, int left, int right) implements Op {
  /**
   * The same padding on every side.
   *
   * @param stride 1 or 2
   * @param padding rows and columns of zeros
   */
  public Conv2d(int stride, int padding) {
    this(stride, padding, padding, padding, padding);
  }

  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    Shape w = in.shape(1, "weight", 4);
    in.require(stride == 1 || stride == 2, "stride is " + stride + ", must be 1 or 2");
    in.require(
        x.dim(3) == w.dim(1),
        "x " + x + " has " + x.dim(3) + " channels, the weight " + w + " takes " + w.dim(1));
    if (in.has(2)) {
      in.expect(2, "bias", Shape.of(w.dim(0)));
    }
    long h = x.dim(1) + top + bottom - w.dim(2);
    long wd = x.dim(2) + left + right - w.dim(3);
    in.require(h >= 0 && wd >= 0, "the padded image " + x + " is smaller than the kernel " + w);
    return Inference.of(
        in.get(0).as(Shape.of(x.dim(0), h / stride + 1, wd / stride + 1, w.dim(0))));
  }

  @Override
  public long flops(Inputs in) {
    Shape w = in.shape(1);
    return 2 * infer(in).outputs().getFirst().shape().elements() * w.elements() / w.dim(0);
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1);
  }

  private Launch params(Launch launch) {
    return launch.i32(stride).i32(top).i32(bottom).i32(left).i32(right);
  }

  @Override
  public void forward(OpCall c) {
    params(c.launch(Fn.CONV2D_FWD, Struct.CONV2D_PARAMS))
        .run(c.in(0), c.in(1), c.optional(2), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    if (c.wants(0)) {
      params(c.launch(Fn.CONV2D_BWD_INPUT, Struct.CONV2D_PARAMS))
          .run(c.dOut(0), c.in(1), null, c.dIn(0));
    }
    boolean bias = c.optional(2) != null && c.wants(2);
    if (c.wants(1) || bias) {
      Tensor dw = c.dIn(1);
      if (dw == null) {
        dw = c.temporary(c.in(1).shape(), c.in(1).dtype());
      }
      params(c.launch(Fn.CONV2D_BWD_WEIGHT, Struct.CONV2D_PARAMS))
          .run(c.in(0), c.dOut(0), dw, bias ? c.dIn(2) : null);
    }
  }
}
