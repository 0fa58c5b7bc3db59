package io.github.eqvae.model;

import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Concat;
import io.github.eqvae.op.MaxPool2d;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * Halves the image in three parallel branches: a 3×3 convolution of stride 2, the same after a 7×7
 * that is factored into a row and a column, and max pooling. Source: torchvision {@code
 * InceptionD}.
 */
final class InceptionD {
  private static final int WIDTH = 192;

  private final BasicConv2d[] branch3x3;
  private final BasicConv2d[] branch7x7x3;

  InceptionD(Scope s, int in) {
    branch3x3 =
        new BasicConv2d[] {
          BasicConv2d.pointwise(s.in("branch3x3_1"), in, WIDTH),
          BasicConv2d.valid3x3(s.in("branch3x3_2"), WIDTH, 320, 2)
        };
    branch7x7x3 =
        new BasicConv2d[] {
          BasicConv2d.pointwise(s.in("branch7x7x3_1"), in, WIDTH),
          BasicConv2d.same(s.in("branch7x7x3_2"), WIDTH, WIDTH, 1, 7),
          BasicConv2d.same(s.in("branch7x7x3_3"), WIDTH, WIDTH, 7, 1),
          BasicConv2d.valid3x3(s.in("branch7x7x3_4"), WIDTH, WIDTH, 2)
        };
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, in] → [N, (H−1)/2, (W−1)/2, 512 + in]
    return tape.block(this::run, x);
  }

  private Tensor run(Tape tape, Tensor x) {
    Tensor a = x;
    for (BasicConv2d conv : branch3x3) {
      a = conv.forward(tape, a);
    } // 320 channels
    Tensor b = x;
    for (BasicConv2d conv : branch7x7x3) {
      b = conv.forward(tape, b);
    } // 192
    Tensor c = tape.apply(new MaxPool2d(3, 2, 0), x); // in
    return tape.apply(new Concat(3), a, b, c);
  }
}
