package io.github.eqvae.op;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;

/**
 * Bilinear sampling on an affine grid: output pixel u (in [-1, 1]², pixel centres inside) reads x
 * at theta·(u, 1). For programs that embed the library: none of its networks uses this.
 *
 * <p>Inputs: x {@code [N,H,W,C]}, theta {@code [N,2,3]}, a constant. Output: {@code
 * [N,height,width,C]}. The backward pass reads theta and is the exact adjoint in gather form.
 * PyTorch: {@code F.grid_sample(x, F.affine_grid(theta, …))} with {@code align_corners=False}.
 *
 * @param height rows of the output
 * @param width columns of the output
 * @param padding what lies outside the image
 */
public record Affine(int height, int width, Padding padding) implements Op {
  /** What lies outside the image; the numbers are those of {@code eqv.h}. */
  public enum Padding {
    /** Zeros. */
    ZEROS,
    /** The nearest pixel of the border. */
    BORDER
  }

  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    in.require(height > 0 && width > 0, "the size " + height + " x " + width + " must be positive");
    in.expect(1, "theta", Shape.of(x.dim(0), 2, 3));
    return Inference.of(in.get(0).as(Shape.of(x.dim(0), height, width, x.dim(3))));
  }

  @Override
  public Keeps keeps() {
    return Keeps.inputs(1);
  }

  @Override
  public void forward(OpCall c) {
    c.launch(Fn.AFFINE_FWD, Struct.AFFINE_PARAMS)
        .i32(padding.ordinal())
        .run(c.in(0), c.in(1), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    if (c.wants(1)) {
      throw new EqvaeException.Unsupported(
          "affine: theta is a constant; no gradient with respect to it");
    }
    c.launch(Fn.AFFINE_BWD, Struct.AFFINE_PARAMS)
        .i32(padding.ordinal())
        .run(c.dOut(0), c.in(1), c.dIn(0));
  }
}
