package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * A fully connected layer on the last axis, with an optional activation: y[…,o] =
 * activation(bias[o] + Σ x[…,i] · weight[o,i]).
 *
 * <p>Inputs: x {@code [...,I]}, weight {@code [O,I]}, optional bias {@code [O]}. Output: {@code
 * [...,O]}. Saved, if there is an activation and a backward pass: its input, {@code [...,O]}. The
 * backward pass reads x and weight, too; all sums have a fixed order. The activation is of the
 * input as it is stored (in bf16: rounded), saved or not. PyTorch: {@code F.linear}, then the
 * activation.
 *
 * @param activation applied last
 */
public record Linear(Activation activation) implements Op {
  /** Nothing is done to the result. */
  public Linear() {
    this(Activation.IDENTITY);
  }

  private boolean activates() {
    return activation.kind() != Activation.Kind.IDENTITY;
  }

  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0);
    Shape w = in.shape(1, "weight", 2);
    in.require(x.rank() >= 1, "x is a scalar, expected at least rank 1");
    in.require(
        x.dim(-1) == w.dim(1),
        "the last axis of x "
            + x
            + " has "
            + x.dim(-1)
            + " entries, weight "
            + w
            + " takes "
            + w.dim(1));
    if (in.has(2)) {
      in.expect(2, "bias", Shape.of(w.dim(0)));
    }
    Spec y = in.get(0).as(x.with(-1, w.dim(0)));
    return activates() ? Inference.of(y, y) : Inference.of(y);
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1);
  }

  @Override
  public void forward(OpCall c) {
    Tensor before = activates() && c.isRecorded() ? c.saved(0) : null;
    activation
        .on(c.launch(Fn.LINEAR_FWD, Struct.ACTIVATION_PARAMS))
        .run(c.in(0), c.in(1), c.optional(2), before, c.out(0));
  }

  /** The gradient of the activation's input. */
  private Tensor beforeActivation(OpCall c) {
    Tensor dy = c.dOut(0);
    if (!activates()) {
      return dy;
    }
    Tensor dz = c.temporary(dy.shape(), dy.dtype());
    activation.on(c.launch(Fn.ACTIVATION_BWD, Struct.ACTIVATION_PARAMS)).run(dy, c.saved(0), dz);
    return dz;
  }

  @Override
  public void backward(OpCall c) {
    Tensor dz = beforeActivation(c);
    if (c.wants(0)) {
      c.launch(Fn.LINEAR_BWD_INPUT).run(dz, c.in(1), c.gradientSoFar(0), c.dIn(0));
    }
    boolean bias = c.optional(2) != null && c.wants(2);
    if (c.wants(1) || bias) {
      Tensor dw = c.dIn(1);
      if (dw == null) {
        dw = c.temporary(c.in(1).shape(), c.in(1).dtype());
      }
      c.launch(Fn.LINEAR_BWD_WEIGHT).run(c.in(0), dz, dw, bias ? c.dIn(2) : null);
    }
  }
}
