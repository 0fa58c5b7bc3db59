package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.DType;

/**
 * The maximum over windows, which may overlap. Pixels outside the image do not count. The first of
 * equal pixels is taken; a NaN is larger than any number. Input: {@code [N,H,W,C]}; output: {@code
 * [N,P,Q,C]} with P = ⌊(H + 2·padding − height)/stride⌋ + 1. The backward pass reads the positions
 * of the maxima, one byte each. PyTorch: {@code F.max_pool2d}.
 *
 * @param height rows of a window
 * @param width columns of a window; at most 256 pixels in all
 * @param stride rows and columns from one window to the next
 * @param padding rows and columns by which windows reach over the edge, at most half the window
 */
public record MaxPool2d(int height, int width, int stride, int padding) implements Op {
  /**
   * Square windows.
   *
   * @param kernel side of a window
   * @param stride rows and columns from one window to the next
   * @param padding rows and columns by which windows reach over the edge
   */
  public MaxPool2d(int kernel, int stride, int padding) {
    this(kernel, kernel, stride, padding);
  }

  private PoolingWindow window() {
    return new PoolingWindow(height, width, stride, padding);
  }

  @Override
  public Inference infer(Inputs in) {
    in.require(
        (long) height * width <= 256,
        "a window of " + height + "×" + width + " exceeds 256 pixels");
    Spec y = in.get(0).as(window().output(in));
    return Inference.of(y, new Spec(y.shape(), DType.U8));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  @Override
  public void forward(OpCall c) {
    window()
        .params(c.launch(Fn.POOL2D_FWD, Struct.POOL2D_PARAMS), PoolingWindow.Kind.MAX)
        .run(c.in(0), c.out(0), c.saved(0));
  }

  @Override
  public void backward(OpCall c) {
    window()
        .params(c.launch(Fn.POOL2D_BWD, Struct.POOL2D_PARAMS), PoolingWindow.Kind.MAX)
        .run(c.dOut(0), c.saved(0), c.dIn(0));
  }
}
