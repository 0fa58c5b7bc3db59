package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;

/**
 * The mean over windows, which may overlap. Pixels outside the image do not count: if a window
 * reaches over the edge, the sum is divided by the number of pixels inside. Input: {@code
 * [N,H,W,C]}; output: {@code [N,P,Q,C]} with P = ⌊(H + 2·padding − height)/stride⌋ + 1. PyTorch:
 * {@code F.avg_pool2d(…, count_include_pad=False)}.
 *
 * @param height rows of a window
 * @param width columns of a window
 * @param stride rows and columns from one window to the next
 * @param padding rows and columns by which windows reach over the edge, at most half the window
 */
public record AvgPool2d(int height, int width, int stride, int padding) implements Op {
  /**
   * Square windows.
   *
   * @param kernel side of a window
   * @param stride rows and columns from one window to the next
   * @param padding rows and columns by which windows reach over the edge
   */
  public AvgPool2d(int kernel, int stride, int padding) {
    this(kernel, kernel, stride, padding);
  }

  private PoolingWindow window() {
    return new PoolingWindow(height, width, stride, padding);
  }

  @Override
  public Inference infer(Inputs in) {
    return Inference.of(in.get(0).as(window().output(in)));
  }

  @Override
  public Keeps keeps() {
    return Keeps.NOTHING;
  }

  @Override
  public void forward(OpCall c) {
    window()
        .params(c.launch(Fn.POOL2D_FWD, Struct.POOL2D_PARAMS), PoolingWindow.Kind.MEAN)
        .run(c.in(0), c.out(0), null);
  }

  @Override
  public void backward(OpCall c) {
    window()
        .params(c.launch(Fn.POOL2D_BWD, Struct.POOL2D_PARAMS), PoolingWindow.Kind.MEAN)
        .run(c.dOut(0), null, c.dIn(0));
  }
}
