package io.github.eqvae.nn;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.Convolution;
import io.github.eqvae.op.GroupStatistics;
import io.github.eqvae.op.Narrow;
import io.github.eqvae.op.Pad2d;
import io.github.eqvae.op.PaddingMode;
import io.github.eqvae.op.UpsampleConv2d;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A convolution layer: {@code weight [O,I,kH,kW]}, {@code bias [O]}. PyTorch: {@code nn.Conv2d},
 * with the same initialisation.
 */
public final class Conv2d {
  private Convolution op;
  private PaddingMode border = PaddingMode.ZEROS;
  private final Parameter weight;
  private final @Nullable Parameter bias;

  /**
   * Declares the layer.
   *
   * @param scope where its parameters go
   * @param in input channels
   * @param out output channels
   * @param kernel side of the kernel
   * @param op the convolution: stride and padding, or of the doubled image
   */
  public Conv2d(Scope scope, int in, int out, int kernel, Convolution op) {
    this(
        scope,
        in,
        out,
        kernel,
        op,
        Init.torchDefault((long) in * kernel * kernel),
        Init.torchDefault((long) in * kernel * kernel));
  }

  /**
   * Declares the layer.
   *
   * @param scope where its parameters go
   * @param in input channels
   * @param out output channels
   * @param kernel side of the kernel
   * @param op the convolution: stride and padding, or of the doubled image
   * @param weightInit how the weight starts
   * @param biasInit how the bias starts; null for a layer without bias
   */
  public Conv2d(
      Scope scope,
      int in,
      int out,
      int kernel,
      Convolution op,
      Init weightInit,
      @Nullable Init biasInit) {
    this(scope, in, out, kernel, kernel, op, weightInit, biasInit);
  }

  /**
   * Declares a layer whose kernel need not be square.
   *
   * @param scope where its parameters go
   * @param in input channels
   * @param out output channels
   * @param kernelHeight rows of the kernel
   * @param kernelWidth columns of the kernel
   * @param op the convolution: stride and padding, or of the doubled image
   * @param weightInit how the weight starts
   * @param biasInit how the bias starts; null for a layer without bias
   */
  public Conv2d(
      Scope scope,
      int in,
      int out,
      int kernelHeight,
      int kernelWidth,
      Convolution op,
      Init weightInit,
      @Nullable Init biasInit) {
    this.op = op;
    long[] shape = {out, in, kernelHeight, kernelWidth};
    weight = scope.weight(op, "weight", weightInit, shape);
    bias = biasInit == null ? null : scope.parameter("bias", biasInit, out);
  }

  /**
   * The same layer with another border, for convolutions whose result has the size of their image,
   * doubled or not. The border is added to the image first; the operation itself could only add
   * zeros.
   *
   * @param mode how the border is filled
   * @return this layer
   */
  public Conv2d bordered(PaddingMode mode) {
    border = mode;
    return this;
  }

  /**
   * Sets the group norm that directly reads this layer's result. The convolution then also computes
   * the norm's statistics, if that {@code io.github.eqvae.tensor.DeviceInfo#fusesStatistics saves
   * time}.
   *
   * @param norm the norm
   */
  public void followedBy(GroupNorm norm) {
    op = op.with(norm.op().statistics());
  }

  /**
   * The weight.
   *
   * @return the parameter {@code [O,I,kH,kW]}
   */
  public Parameter weight() {
    return weight;
  }

  /**
   * Runs the layer.
   *
   * @param tape the tape
   * @param x {@code [N,H,W,I]}
   * @return {@code [N,P,Q,O]}
   */
  public Tensor forward(Tape tape, Tensor x) {
    return forward(tape, x, null);
  }

  /**
   * Runs the layer and adds to its result, in the same pass.
   *
   * @param tape the tape
   * @param x {@code [N,H,W,I]}
   * @param residual is added, {@code [N,P,Q,O]}; null for none
   * @return {@code [N,P,Q,O]}; its statistics are registered with the tape if the convolution
   *     computes them, which it does if that {@linkplain
   *     io.github.eqvae.tensor.DeviceInfo#fusesStatistics saves time}
   */
  public Tensor forward(Tape tape, Tensor x, @Nullable Tensor residual) {
    if (border == PaddingMode.ZEROS) {
      return run(tape, op, x, residual);
    }
    return switch (op) {
      case io.github.eqvae.op.Conv2d conv ->
          run(tape, conv.withoutPadding(), around(tape, x, border), residual);
      case UpsampleConv2d doubling -> {
        // One pixel beyond the edge of the doubled image both modes have the value of x's outermost
        // pixel.
        Tensor padded = around(tape, x, PaddingMode.REPLICATE);
        Tensor large = run(tape, doubling.with(null), padded, residual);
        Tensor rows = tape.apply(new Narrow(1, 2, 2 * x.shape().dim(1)), large);
        yield tape.apply(new Narrow(2, 2, 2 * x.shape().dim(2)), rows);
      }
    };
  }

  /** The image with a border of one pixel on every side. */
  private static Tensor around(Tape tape, Tensor x, PaddingMode mode) {
    if (mode == PaddingMode.REFLECT && Math.min(x.shape().dim(1), x.shape().dim(2)) < 2) {
      throw new EqvaeException.Argument(
          "padding_mode reflect needs at least 2 pixels along a side, got "
              + x.shape()
              + "; use larger images, or replicate");
    }
    return tape.apply(new Pad2d(mode, 1), x);
  }

  private Tensor run(Tape tape, Convolution convolution, Tensor x, @Nullable Tensor residual) {
    Tensor b = bias == null ? null : bias.on(tape);
    boolean fuses = tape.stream().device().info().fusesStatistics();
    GroupStatistics statistics = fuses ? convolution.statistics() : null;
    Convolution made = convolution.with(statistics);
    Tensor packed = x.dtype() == DType.BF16 ? weight.packed() : null;
    List<Tensor> out = tape.run(made, x, weight.on(tape), b, residual, packed);
    if (statistics != null) {
      tape.annotate(out.getFirst(), statistics, out.getLast());
    }
    return out.getFirst();
  }
}
