package io.github.eqvae.op;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Squared error of each sample: out[n] = weight[n] · mean of (a − b)² over the values of sample n.
 *
 * <p>Inputs: a and b {@code [N,...]}, optional weight {@code [N]}, a constant. Output: {@code [N]}.
 * Sums are made in double precision, in a fixed order. PyTorch: {@code weight * ((a - b) **
 * 2).flatten(1).mean(1)}.
 */
public record SampleError() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape a = in.shape(0);
    in.require(a.rank() >= 1, "a is a scalar, expected samples along its first axis");
    in.expect(1, "b", a);
    if (in.has(2)) {
      in.expect(2, "weight", Shape.of(a.dim(0)));
    }
    return Inference.of(in.get(0).as(Shape.of(a.dim(0))));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(0, 1, 2);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.SAMPLE_ERROR_FWD).run(c.in(0), c.in(1), c.optional(2), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    if (c.optional(2) != null && c.wants(2)) {
      throw new EqvaeException.Unsupported("sample_error: the weight is a constant");
    }
    Tensor da = c.dIn(0);
    Tensor db = c.dIn(1);
    if (da == null) {
      da = c.temporary(c.in(0).shape(), c.in(0).dtype());
    }
    c.launch(Fn.SAMPLE_ERROR_BWD).run(c.dOut(0), c.in(0), c.in(1), c.optional(2), da);
    if (db != null) {
      c.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(-1).f32(0).run(da, null, db);
    }
  }
}
