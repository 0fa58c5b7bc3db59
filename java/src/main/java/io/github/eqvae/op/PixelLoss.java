package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * scale·Σ|a − b|, scale·Σ(a − b)² or scale·Σ√((a − b)² + ε²); a scalar. PyTorch: {@code F.l1_loss},
 * {@code F.mse_loss} with {@code reduction="sum"}; the third is Charbonnier's distance, which is
 * smooth at 0.
 *
 * @param kind which
 * @param scale factor
 * @param epsilon ε of Charbonnier's distance, at least 1e-12; not used by the others
 */
public record PixelLoss(Kind kind, double scale, double epsilon) implements Op {
  /** The distance. */
  public enum Kind {
    /** Absolute. */
    L1(0),
    /** Squared. */
    L2(1),
    /** Charbonnier's: the absolute difference, but smooth at 0. */
    CHARBONNIER(7);

    private final int code;

    Kind(int code) {
      this.code = code;
    }
  }

  /**
   * A distance without ε.
   *
   * @param kind L1 or L2
   * @param scale factor
   */
  public PixelLoss(Kind kind, double scale) {
    this(kind, scale, 0);
  }

  @Override
  public Inference infer(Inputs in) {
    in.expect(1, "b", in.shape(0));
    return Inference.of(in.get(0).as(Shape.SCALAR));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.LOSS_FWD, Struct.LOSS_PARAMS)
        .i32(kind.code)
        .f64(scale)
        .f64(epsilon)
        .run(c.in(0), c.in(1), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor da = c.dIn(0);
    if (da == null) {
      da = c.temporary(c.in(0).shape(), c.in(0).dtype());
    }
    c.launch(Fn.LOSS_BWD, Struct.LOSS_PARAMS)
        .i32(kind.code)
        .f64(scale)
        .f64(epsilon)
        .run(c.dOut(0), c.in(0), c.in(1), da);
    Tensor db = c.dIn(1);
    if (db != null) {
      c.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(-1).f32(0).run(da, null, db);
    }
  }
}
