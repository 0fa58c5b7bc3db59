package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * scale·Σ|a − b| or scale·Σ(a − b)²; a scalar. PyTorch: {@code F.l1_loss}, {@code F.mse_loss} with
 * {@code reduction="sum"}.
 *
 * @param kind which
 * @param scale factor
 */
public record PixelLoss(Kind kind, double scale) implements Op {
  /** The distance. */
  public enum Kind {
    /** Absolute. */
    L1,
    /** Squared. */
    L2
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
        .i32(kind.ordinal())
        .f64(scale)
        .run(c.in(0), c.in(1), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor da = c.dIn(0);
    if (da == null) {
      da = c.temporary(c.in(0).shape(), c.in(0).dtype());
    }
    c.launch(Fn.LOSS_BWD, Struct.LOSS_PARAMS)
        .i32(kind.ordinal())
        .f64(scale)
        .run(c.dOut(0), c.in(0), c.in(1), da);
    Tensor db = c.dIn(1);
    if (db != null) {
      c.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(-1).f32(0).run(da, null, db);
    }
  }
}
