package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * Rows of a table by their numbers: y[…] = table[index[…]].
 *
 * <p>Inputs: table {@code [K,D]}, index {@code [...]} of {@code I32}. Output: {@code [...,D]}; NaN
 * if the table has no such row. The gradient of a row is the sum over the positions that used it,
 * in their order. PyTorch: {@code F.embedding(index, table)}.
 */
public record Embedding() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape table = in.shape(0, "table", 2);
    in.require(
        in.get(1).dtype() == DType.I32,
        "index is " + in.get(1).dtype() + ", expected " + DType.I32);
    long[] index = in.shape(1).extents();
    long[] y = java.util.Arrays.copyOf(index, index.length + 1);
    y[index.length] = table.dim(1);
    return Inference.of(in.get(0).as(Shape.of(y)));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(1);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.EMBEDDING_FWD).run(c.in(0), c.in(1), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor table = c.dIn(0);
    if (table != null) {
      c.launch(Fn.VECTOR_QUANTIZE_BWD).run(c.dOut(0), c.in(1), table);
    }
  }
}
