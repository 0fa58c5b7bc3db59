package io.github.eqvae.model;

import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.AvgPool2d;
import io.github.eqvae.op.Concat;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * Four parallel branches: 1×1, 5×5, two 3×3, and average pooling that does not count padding.
 * Source: torchvision {@code InceptionA} with pytorch-fid's {@code FIDInceptionA}.
 */
final class InceptionA {
  private final BasicConv2d branch1x1;
  private final BasicConv2d branch5x5a;
  private final BasicConv2d branch5x5b;
  private final BasicConv2d branch3x3a;
  private final BasicConv2d branch3x3b;
  private final BasicConv2d branch3x3c;
  private final BasicConv2d branchPool;

  InceptionA(Scope s, int in, int poolFeatures) {
    branch1x1 = BasicConv2d.pointwise(s.in("branch1x1"), in, 64);
    branch5x5a = BasicConv2d.pointwise(s.in("branch5x5_1"), in, 48);
    branch5x5b = BasicConv2d.same(s.in("branch5x5_2"), 48, 64, 5, 5);
    branch3x3a = BasicConv2d.pointwise(s.in("branch3x3dbl_1"), in, 64);
    branch3x3b = BasicConv2d.same(s.in("branch3x3dbl_2"), 64, 96, 3, 3);
    branch3x3c = BasicConv2d.same(s.in("branch3x3dbl_3"), 96, 96, 3, 3);
    branchPool = BasicConv2d.pointwise(s.in("branch_pool"), in, poolFeatures);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, in] → [N, H, W, 224 + poolFeatures]
    return tape.block(this::run, x);
  }

  private Tensor run(Tape tape, Tensor x) {
    Tensor a = branch1x1.forward(tape, x); // 64 channels
    Tensor b = branch5x5b.forward(tape, branch5x5a.forward(tape, x)); // 64
    Tensor c = branch3x3b.forward(tape, branch3x3a.forward(tape, x));
    c = branch3x3c.forward(tape, c); // 96
    Tensor d = branchPool.forward(tape, tape.apply(new AvgPool2d(3, 1, 1), x)); // poolFeatures
    return tape.apply(new Concat(3), a, b, c, d);
  }
}
