package io.github.eqvae.model;

import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.AvgPool2d;
import io.github.eqvae.op.Concat;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * Four parallel branches: 1×1, a 7×7 that is factored into a row and a column, two of those, and
 * average pooling that does not count padding. Source: torchvision {@code InceptionC} with
 * pytorch-fid's {@code FIDInceptionC}.
 */
final class InceptionC {
  private static final int OUT = 192; // channels of each branch

  private final BasicConv2d branch1x1;
  private final BasicConv2d[] branch7x7;
  private final BasicConv2d[] branch7x7dbl;
  private final BasicConv2d branchPool;

  /** {@code width}: channels between the convolutions of 7. */
  InceptionC(Scope s, int in, int width) {
    branch1x1 = BasicConv2d.pointwise(s.in("branch1x1"), in, OUT);
    branch7x7 =
        new BasicConv2d[] {
          BasicConv2d.pointwise(s.in("branch7x7_1"), in, width),
          BasicConv2d.same(s.in("branch7x7_2"), width, width, 1, 7),
          BasicConv2d.same(s.in("branch7x7_3"), width, OUT, 7, 1)
        };
    branch7x7dbl =
        new BasicConv2d[] {
          BasicConv2d.pointwise(s.in("branch7x7dbl_1"), in, width),
          BasicConv2d.same(s.in("branch7x7dbl_2"), width, width, 7, 1),
          BasicConv2d.same(s.in("branch7x7dbl_3"), width, width, 1, 7),
          BasicConv2d.same(s.in("branch7x7dbl_4"), width, width, 7, 1),
          BasicConv2d.same(s.in("branch7x7dbl_5"), width, OUT, 1, 7)
        };
    branchPool = BasicConv2d.pointwise(s.in("branch_pool"), in, OUT);
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, in] → [N, H, W, 768]
    return tape.block(this::run, x);
  }

  private Tensor run(Tape tape, Tensor x) {
    Tensor a = branch1x1.forward(tape, x); // 192 channels each
    Tensor b = x;
    for (BasicConv2d conv : branch7x7) {
      b = conv.forward(tape, b);
    }
    Tensor c = x;
    for (BasicConv2d conv : branch7x7dbl) {
      c = conv.forward(tape, c);
    }
    Tensor d = branchPool.forward(tape, tape.apply(new AvgPool2d(3, 1, 1), x));
    return tape.apply(new Concat(3), a, b, c, d);
  }
}
