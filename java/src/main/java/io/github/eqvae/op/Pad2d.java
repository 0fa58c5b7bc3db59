package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;

/**
 * Adds a border to an image, in one pass. Input: {@code [N,H,W,C]}; output: {@code
 * [N,top+H+bottom,left+W+right,C]}. The backward pass sums, for each pixel, the gradients of all
 * positions to which it was copied, in their order. PyTorch: {@code F.pad(x, (left, right, top,
 * bottom), mode)}.
 *
 * @param mode the values of the border; reflecting needs sides larger than the padding
 * @param top rows above
 * @param bottom rows below
 * @param left columns to the left
 * @param right columns to the right
 */
public record Pad2d(PaddingMode mode, int top, int bottom, int left, int right) implements Op {
  /**
   * The same on every side.
   *
   * @param mode what lies beyond the edges
   * @param padding rows and columns on each side
   */
  public Pad2d(PaddingMode mode, int padding) {
    this(mode, padding, padding, padding, padding);
  }

  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    in.require(
        Math.min(Math.min(top, bottom), Math.min(left, right)) >= 0,
        "padding is " + this + ", must not be negative");
    in.require(
        mode != PaddingMode.REFLECT
            || Math.max(top, bottom) < x.dim(1) && Math.max(left, right) < x.dim(2),
        "x " + x + " is too small for " + this + "; pad by less than its side, or replicate");
    Shape y = x.with(1, top + x.dim(1) + bottom).with(2, left + x.dim(2) + right);
    return Inference.of(in.get(0).as(y));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  private Launch launch(OpCall c, Fn fn) {
    return c.launch(fn, Struct.PAD2D_PARAMS)
        .i32(mode.ordinal())
        .i32(top)
        .i32(bottom)
        .i32(left)
        .i32(right);
  }

  @Override
  public void forward(OpCall c) {
    launch(c, Fn.PAD2D_FWD).run(c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    launch(c, Fn.PAD2D_BWD).run(c.dOut(0), c.dIn(0));
  }
}
