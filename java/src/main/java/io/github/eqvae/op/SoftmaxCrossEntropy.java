package io.github.eqvae.op;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import java.util.Arrays;

/**
 * Cross-entropy of the softmax of each row and its label: out = weight·((1 − s)·(L − x[label]) +
 * s·(L − mean x)), L = log Σ exp x, s the smoothing (Szegedy et al., arXiv 1512.00567).
 *
 * <p>Inputs: logits x {@code [...,classes]}, labels {@code [...]} of {@code I32}, optional weights
 * as the labels, constants. Output: as the labels; 0 without a gradient if the label is negative,
 * whatever the logits are; NaN if there is no such class. PyTorch: {@code weight *
 * F.cross_entropy(x, label, reduction="none", label_smoothing=s, ignore_index=-1)}.
 *
 * @param smoothing the share of the target that is spread over all classes, 0 to 1
 */
public record SoftmaxCrossEntropy(double smoothing) implements Op {
  /** Without smoothing. */
  public SoftmaxCrossEntropy() {
    this(0);
  }

  @Override
  public Inference infer(Inputs in) {
    in.require(
        smoothing >= 0 && smoothing <= 1, "the smoothing is " + smoothing + ", must be 0 to 1");
    Shape logits = in.shape(0);
    in.require(logits.rank() >= 1, "the logits are a scalar, expected [..., classes]");
    in.require(
        in.get(1).dtype() == DType.I32,
        "the labels are " + in.get(1).dtype() + ", expected " + DType.I32);
    Shape rows = Shape.of(Arrays.copyOf(logits.extents(), logits.rank() - 1));
    in.expect(1, "labels", rows);
    if (in.has(2)) {
      in.expect(2, "weights", rows);
    }
    Spec each = in.get(0).as(rows);
    return Inference.of(each, each);
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1, 2);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.SOFTMAX_CROSS_ENTROPY_FWD, Struct.SOFTMAX_CROSS_ENTROPY_PARAMS)
        .f32(smoothing)
        .run(c.in(0), c.in(1), c.optional(2), c.out(0), c.saved(0));
  }

  @Override
  public void backward(OpCall c) {
    if (c.optional(2) != null && c.wants(2)) {
      throw new EqvaeException.Unsupported("softmax_cross_entropy: weights are constants");
    }
    c.launch(Fn.SOFTMAX_CROSS_ENTROPY_BWD, Struct.SOFTMAX_CROSS_ENTROPY_PARAMS)
        .f32(smoothing)
        .run(c.dOut(0), c.in(0), c.in(1), c.optional(2), c.saved(0), c.dIn(0));
  }
}
