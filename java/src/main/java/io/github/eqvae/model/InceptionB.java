package io.github.eqvae.model;

import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Concat;
import io.github.eqvae.op.MaxPool2d;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * Halves the image in three parallel branches: a 3×3 convolution of stride 2, two 3×3 convolutions,
 * and max pooling. Source: torchvision {@code InceptionB}.
 */
final class InceptionB {
  private final BasicConv2d branch3x3;
  private final BasicConv2d doubleA;
  private final BasicConv2d doubleB;
  private final BasicConv2d doubleC;

  InceptionB(Scope s, int in) {
    branch3x3 = BasicConv2d.valid3x3(s.in("branch3x3"), in, 384, 2);
    doubleA = BasicConv2d.pointwise(s.in("branch3x3dbl_1"), in, 64);
    doubleB = BasicConv2d.same(s.in("branch3x3dbl_2"), 64, 96, 3, 3);
    doubleC = BasicConv2d.valid3x3(s.in("branch3x3dbl_3"), 96, 96, 2);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, in] → [N, (H−1)/2, (W−1)/2, 480 + in]
    return tape.block(this::run, x);
  }

  private Tensor run(Tape tape, Tensor x) {
    Tensor a = branch3x3.forward(tape, x); // 384 channels
    Tensor b = doubleB.forward(tape, doubleA.forward(tape, x));
    b = doubleC.forward(tape, b); // 96
    Tensor c = tape.apply(new MaxPool2d(3, 2, 0), x); // in
    return tape.apply(new Concat(3), a, b, c);
  }
}
