package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;

/**
 * scale·Σx; a scalar. PyTorch: {@code scale * x.sum()}.
 *
 * @param scale factor
 */
public record Sum(double scale) implements Op {
  @Override
  public Inference infer(Inputs in) {
    return Inference.of(in.get(0).as(Shape.SCALAR));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.REDUCE, Struct.REDUCE_PARAMS).i32(0).f64(scale).run(c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    var constant = c.temporary(c.in(0).shape(), c.in(0).dtype());
    constant.fill(c.stream(), scale);
    c.launch(Fn.ADD_SCALED).run(null, constant, c.dOut(0), c.dIn(0));
  }
}
