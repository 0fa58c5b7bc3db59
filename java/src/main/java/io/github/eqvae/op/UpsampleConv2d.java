package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Nearest-neighbour doubling followed by a 3×3 convolution with padding 1, without the doubled
 * image: y = bias + conv(upsample2x(x), weight).
 *
 * <p>Each pixel of x appears four times in the doubled image, so several of the nine products have
 * the same pixel. If their weights are added first, the operation is a transposed convolution of x
 * with a 4×4 kernel, stride 2 and padding 1, which needs 4/9 of the products in all directions.
 *
 * <p>Inputs: x {@code [N,H,W,I]}, weight {@code [O,I,3,3]}, optional bias {@code [O]}. Outputs: y
 * {@code [N,2H,2W,O]}, and its statistics if requested. The backward pass reads x and weight; all
 * sums have a fixed order. PyTorch: {@code F.conv2d(F.interpolate(x, scale_factor=2), weight, bias,
 * padding=1)}.
 *
 * @param statistics of y, a second output; null for none
 */
public record UpsampleConv2d(@Nullable GroupStatistics statistics) implements Convolution {
  /** Without statistics. */
  public UpsampleConv2d() {
    this(null);
  }

  @Override
  public UpsampleConv2d with(@Nullable GroupStatistics groups) {
    return new UpsampleConv2d(groups);
  }

  @Override
  public boolean readsPackedWeight() {
    return false; // the combined weight is computed, and packed, in every call
  }

  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    Shape w = in.shape(1, "weight", 4);
    in.expect(1, "weight", Shape.of(w.dim(0), x.dim(3), 3, 3));
    if (in.has(2)) {
      in.expect(2, "bias", Shape.of(w.dim(0)));
    }
    Spec y = in.get(0).as(Shape.of(x.dim(0), 2 * x.dim(1), 2 * x.dim(2), w.dim(0)));
    return statistics == null
        ? Inference.of(y)
        : new Inference(List.of(y, statistics.of(in, y)), List.of());
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1);
  }

  /** The transposed convolution's kernel and its gradient. */
  private static Tensor folded(OpCall c) {
    Shape w = c.in(1).shape();
    return c.temporary(Shape.of(w.dim(1), w.dim(0), 4, 4), c.in(1).dtype());
  }

  private static Launch halving(OpCall c, Fn fn, @Nullable GroupStatistics groups) {
    Launch launch = c.launch(fn, Struct.CONV2D_PARAMS).i32(2).i32(1).i32(1).i32(1).i32(1);
    return Activation.IDENTITY
        .on(launch)
        .i32(groups == null ? 0 : groups.groups())
        .f32(groups == null ? 0 : groups.eps());
  }

  @Override
  public void forward(OpCall c) {
    Tensor v = folded(c);
    c.launch(Fn.UPSAMPLE_WEIGHT_FWD).run(c.in(1), v);
    Tensor made = statistics == null ? null : c.out(1);
    halving(c, Fn.CONV2D_BWD_INPUT, statistics)
        .run(c.in(0), v, null, c.optional(2), null, c.out(0), made);
  }

  @Override
  public void backward(OpCall c) {
    if (c.wants(0)) {
      Tensor v = folded(c);
      c.launch(Fn.UPSAMPLE_WEIGHT_FWD).run(c.in(1), v);
      halving(c, Fn.CONV2D_FWD, null).run(c.dOut(0), v, null, null, null, c.dIn(0), null);
    }
    if (c.wants(1)) {
      Tensor dv = folded(c);
      halving(c, Fn.CONV2D_BWD_WEIGHT, null).run(c.dOut(0), c.in(0), dv, null);
      c.launch(Fn.UPSAMPLE_WEIGHT_BWD).run(dv, c.dIn(1));
    }
    if (c.optional(2) != null && c.wants(2)) {
      c.launch(Fn.BIAS_BWD).run(c.dOut(0), c.dIn(2));
    }
  }
}
