package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Tensor;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * Σ wᵢ·xᵢ of tensors of one shape.
 *
 * @param weights one per input
 */
public record WeightedSum(List<Double> weights) implements Op {
  /** Copies the list. */
  public WeightedSum {
    weights = List.copyOf(weights);
  }

  /**
   * A weighted sum.
   *
   * @param weights one per input
   * @return the operation
   */
  public static WeightedSum of(double... weights) {
    return new WeightedSum(DoubleStream.of(weights).boxed().toList());
  }

  @Override
  public Inference infer(Inputs in) {
    in.require(
        in.count() == weights.size(), in.count() + " inputs, " + weights.size() + " weights");
    for (int i = 1; i < in.count(); i++) {
      in.expect(i, "input " + i, in.shape(0));
    }
    return Inference.of(in.get(0));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  private static void axpby(
      OpCall c,
      double a,
      Tensor x,
      double b,
      @org.jspecify.annotations.Nullable Tensor y,
      Tensor out) {
    c.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(a).f32(b).run(x, y, out);
  }

  @Override
  public void forward(OpCall c) {
    axpby(c, weights.getFirst(), c.in(0), 0, null, c.out(0));
    for (int i = 1; i < weights.size(); i++) {
      axpby(c, weights.get(i), c.in(i), 1, c.out(0), c.out(0));
    }
  }

  @Override
  public void backward(OpCall c) {
    for (int i = 0; i < weights.size(); i++) {
      if (c.wants(i)) {
        axpby(c, weights.get(i), c.dOut(0), 0, null, java.util.Objects.requireNonNull(c.dIn(i)));
      }
    }
  }
}
