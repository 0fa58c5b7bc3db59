package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Two-dimensional convolution with zero padding, with optional work on its result in the same pass
 * (residual, activation, statistics).
 *
 * <p>y = activation(bias[o] + residual[n,p,q,o] + Σ x[n, p·stride + r − top, q·stride + s − left,
 * i] · weight[o,i,r,s])
 *
 * <p>Inputs: x {@code [N,H,W,I]}, weight {@code [O,I,kH,kW]}, optional bias {@code [O]}, optional
 * residual {@code [N,P,Q,O]}, optional packed copy of the weight (below). Outputs: y {@code
 * [N,P,Q,O]} with P = (H + top + bottom − kH)/stride + 1, and the statistics of y if requested.
 * PyTorch: {@code F.conv2d} after {@code F.pad(x, (left, right, top, bottom))}, then {@code +} and
 * the activation.
 *
 * <p>With bf16 activations a GPU's tensor cores read a copy of the weight in another order ({@link
 * PackedWeights}). If it is given as an input, it must be a copy of the current weight. If not,
 * each call makes one. The result has the same bits. The copy gets no gradient.
 *
 * <p>The backward pass reads x and weight. With ReLU or leaky ReLU it also reads y, which has the
 * same sign as the activation's input; with SiLU it also reads bias and residual, and computes the
 * activation's input again. The residual's gradient is that of the activation's input.
 *
 * @param stride 1 or 2
 * @param top rows of zeros above
 * @param bottom rows of zeros below
 * @param left columns of zeros to the left
 * @param right columns of zeros to the right
 * @param activation applied last; a leaky one has a slope of 0 or more
 * @param statistics of y, a second output; null for none
 */
public record Conv2d(
    int stride,
    int top,
    int bottom,
    int left,
    int right,
    Activation activation,
    @Nullable GroupStatistics statistics)
    implements Convolution {
  /**
   * Nothing is done to the result.
   *
   * @param stride 1 or 2
   * @param top rows of zeros above
   * @param bottom rows of zeros below
   * @param left columns of zeros to the left
   * @param right columns of zeros to the right
   */
  public Conv2d(int stride, int top, int bottom, int left, int right) {
    this(stride, top, bottom, left, right, Activation.IDENTITY, null);
  }

  /**
   * The same padding on every side.
   *
   * @param stride 1 or 2
   * @param padding rows and columns of zeros
   */
  public Conv2d(int stride, int padding) {
    this(stride, padding, padding, padding, padding);
  }

  /**
   * The same convolution, followed by an activation.
   *
   * @param function applied to the result
   * @return the convolution
   */
  public Conv2d with(Activation function) {
    return new Conv2d(stride, top, bottom, left, right, function, statistics);
  }

  /**
   * The same convolution of an image to which the border was already added.
   *
   * @return the convolution
   */
  public Conv2d withoutPadding() {
    return new Conv2d(stride, 0, 0, 0, 0, activation, statistics);
  }

  @Override
  public Conv2d with(@Nullable GroupStatistics groups) {
    return new Conv2d(stride, top, bottom, left, right, activation, groups);
  }

  @Override
  public boolean readsPackedWeight() {
    return true;
  }

  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    Shape w = in.shape(1, "weight", 4);
    in.require(stride == 1 || stride == 2, "stride is " + stride + ", must be 1 or 2");
    in.require(
        activation.kind().ordinal() <= Activation.Kind.LEAKY_RELU.ordinal(),
        activation.kind() + " cannot be applied by a convolution; apply Gelu afterwards");
    in.require(
        activation.slope() >= 0,
        "the slope is "
            + activation.slope()
            + "; it must not be negative, because the backward pass takes the sign of the input"
            + " from y");
    in.require(
        x.dim(3) == w.dim(1),
        "x " + x + " has " + x.dim(3) + " channels, the weight " + w + " takes " + w.dim(1));
    if (in.has(2)) {
      in.expect(2, "bias", Shape.of(w.dim(0)));
    }
    long h = x.dim(1) + top + bottom - w.dim(2);
    long wd = x.dim(2) + left + right - w.dim(3);
    in.require(h >= 0 && wd >= 0, "the padded image " + x + " is smaller than the kernel " + w);
    Spec y = in.get(0).as(Shape.of(x.dim(0), h / stride + 1, wd / stride + 1, w.dim(0)));
    if (in.has(3)) {
      in.expect(3, "residual", y.shape());
    }
    if (in.has(4)) {
      in.expect(4, "packed weight", Shape.of(PackedWeights.elements(w)));
    }
    return statistics == null
        ? Inference.of(y)
        : new Inference(List.of(y, statistics.of(in, y)), List.of());
  }

  @Override
  public Keeps keeps() {
    return switch (activation.kind()) {
      case IDENTITY -> Keeps.inputs(0, 1, 4);
      case SILU, GELU_TANH, GELU -> Keeps.inputs(0, 1, 2, 3, 4);
      case RELU, LEAKY_RELU -> new Keeps(Keeps.inputs(0, 1, 4).inputs(), 1);
    };
  }

  /** A call whose result is stored without further work. */
  private Launch plain(OpCall c, Fn fn) {
    return ended(c, fn, Activation.IDENTITY, null);
  }

  private Launch ended(OpCall c, Fn fn, Activation then, @Nullable GroupStatistics groups) {
    Launch launch = c.launch(fn, Struct.CONV2D_PARAMS);
    launch.i32(stride).i32(top).i32(bottom).i32(left).i32(right);
    return then.on(launch)
        .i32(groups == null ? 0 : groups.groups())
        .f32(groups == null ? 0 : groups.eps());
  }

  private static @Nullable Tensor packed(OpCall c) {
    return c.optional(4);
  }

  @Override
  public void forward(OpCall c) {
    Tensor made = statistics == null ? null : c.out(1);
    ended(c, Fn.CONV2D_FWD, activation, statistics)
        .run(c.in(0), c.in(1), packed(c), c.optional(2), c.optional(3), c.out(0), made);
  }

  /** The gradient of the activation's input. */
  private Tensor beforeActivation(OpCall c) {
    Tensor dy = c.dOut(0);
    if (activation.kind() == Activation.Kind.IDENTITY) {
      return dy;
    }
    Tensor x = c.out(0);
    if (activation.kind() == Activation.Kind.SILU) {
      x = c.temporary(dy.shape(), dy.dtype());
      plain(c, Fn.CONV2D_FWD)
          .run(c.in(0), c.in(1), packed(c), c.optional(2), c.optional(3), x, null);
    }
    Tensor dz = c.temporary(dy.shape(), dy.dtype());
    activation.on(c.launch(Fn.ACTIVATION_BWD, Struct.ACTIVATION_PARAMS)).run(dy, x, dz);
    return dz;
  }

  @Override
  public void backward(OpCall c) {
    Tensor dz = beforeActivation(c);
    boolean bias = c.optional(2) != null && c.wants(2);
    if (c.wants(1) || bias) {
      Tensor dw = c.dIn(1);
      if (dw == null) {
        dw = c.temporary(c.in(1).shape(), c.in(1).dtype());
      }
      plain(c, Fn.CONV2D_BWD_WEIGHT).run(c.in(0), dz, dw, bias ? c.dIn(2) : null);
    }
    c.hasRead(0); // the input's gradient may be where the input was
    if (c.wants(0)) {
      plain(c, Fn.CONV2D_BWD_INPUT)
          .run(dz, c.in(1), packed(c), null, c.gradientSoFar(0), c.dIn(0), null);
    }
    if (c.wants(3)) {
      c.pass(3, dz);
    }
  }
}
