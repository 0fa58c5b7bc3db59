package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Tensor;

/**
 * The nearest code of each vector: index[…] = argmin over k of ‖z[…] − codebook[k]‖², zq[…] =
 * codebook[index[…]].
 *
 * <p>Inputs: z {@code [...,D]}, codebook {@code [K,D]}. Outputs: zq {@code [...,D]}, index {@code
 * [...]} of {@code I32}. If several codes are equally near, the lowest index is taken. As in {@code
 * torch.argmin} a NaN is smaller than any number: a vector with a NaN gets index 0, a code with a
 * NaN gets every vector. A straight-through estimate z + (zq − z) is NaN then, and so are losses of
 * zq and z.
 *
 * <p>The gradient of a code is the sum over the vectors it was nearest to, in their order. z gets
 * no gradient: a small change of z changes nothing. The distances are never in memory all at once.
 *
 * <p>PyTorch: {@code index = torch.cdist(z, codebook).argmin(-1)}, {@code zq = F.embedding(index,
 * codebook)}. Source: CompVis/taming-transformers {@code taming/modules/vqvae/quantize.py}.
 */
public record VectorQuantize() implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape z = in.shape(0);
    Shape codebook = in.shape(1, "codebook", 2);
    in.require(z.rank() >= 1, "z is a scalar, expected at least rank 1");
    in.require(
        z.dim(-1) == codebook.dim(1),
        "the last axis of z " + z + " is not that of codebook " + codebook);
    long[] vectors = java.util.Arrays.copyOf(z.extents(), z.rank() - 1);
    return new Inference(
        java.util.List.of(in.get(0), new Spec(Shape.of(vectors), DType.I32)), java.util.List.of());
  }

  @Override
  public Keeps keeps() {
    return new Keeps(0, 1 << 1);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.VECTOR_QUANTIZE_FWD).run(c.in(0), c.in(1), c.out(1), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    Tensor codebook = c.dIn(1);
    if (codebook != null) {
      c.launch(Fn.VECTOR_QUANTIZE_BWD).run(c.dOut(0), c.out(1), codebook);
    }
  }
}
