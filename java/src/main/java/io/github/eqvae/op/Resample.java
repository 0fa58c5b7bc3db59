package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;

/**
 * τ: resize to height × width, then quarter turns clockwise, then flips. The backward pass is the
 * exact adjoint in gather form.
 *
 * @param height after resizing, before the turn
 * @param width after resizing, before the turn
 * @param interpolation how to resize
 * @param quarterTurns 0 to 3, clockwise
 * @param flipHorizontal mirror columns of the result
 * @param flipVertical mirror rows of the result
 */
public record Resample(
    int height,
    int width,
    Interpolation interpolation,
    int quarterTurns,
    boolean flipHorizontal,
    boolean flipVertical)
    implements Op {
  @Override
  public Inference infer(Inputs in) {
    Shape x = in.shape(0, "x", 4);
    in.require(height > 0 && width > 0, "the size " + height + " x " + width + " must be positive");
    in.require(quarterTurns >= 0 && quarterTurns <= 3, quarterTurns + " quarter turns; 0 to 3");
    boolean odd = quarterTurns % 2 == 1;
    return Inference.of(
        in.get(0).as(Shape.of(x.dim(0), odd ? width : height, odd ? height : width, x.dim(3))));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  private Launch params(Launch launch) {
    return launch
        .i32(interpolation.code())
        .i32(quarterTurns)
        .flag(flipHorizontal)
        .flag(flipVertical);
  }

  @Override
  public void forward(OpCall c) {
    params(c.launch(Fn.RESAMPLE_FWD, Struct.RESAMPLE_PARAMS)).run(c.in(0), c.out(0));
  }

  @Override
  public void backward(OpCall c) {
    params(c.launch(Fn.RESAMPLE_BWD, Struct.RESAMPLE_PARAMS)).run(c.dOut(0), c.dIn(0));
  }
}
