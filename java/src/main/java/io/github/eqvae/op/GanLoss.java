package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;

/**
 * Adversarial losses of logits; a scalar.
 *
 * @param kind which
 * @param scale factor
 */
public record GanLoss(Kind kind, double scale) implements Op {
  /** The loss. */
  public enum Kind {
    /** Σ relu(1 − x). */
    HINGE_REAL(2),
    /** Σ relu(1 + x). */
    HINGE_FAKE(3),
    /** Σ −x, the generator's. */
    NEGATED(4),
    /** Σ log(1 + exp(−x)), non-saturating; real images and generator. */
    SOFTPLUS_REAL(5),
    /** Σ log(1 + exp(x)). */
    SOFTPLUS_FAKE(6);

    private final int code;

    Kind(int code) {
      this.code = code;
    }
  }

  @Override
  public Inference infer(Inputs in) {
    return Inference.of(in.get(0).as(Shape.SCALAR));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.LOSS_FWD, Struct.LOSS_PARAMS)
        .i32(kind.code)
        .f64(scale)
        .f64(0)
        .run(c.in(0), null, c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    c.launch(Fn.LOSS_BWD, Struct.LOSS_PARAMS)
        .i32(kind.code)
        .f64(scale)
        .f64(0)
        .run(c.dOut(0), c.in(0), null, c.dIn(0));
  }
}
