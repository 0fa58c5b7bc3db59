package io.github.eqvae.model;

import io.github.eqvae.nn.Scope;
import io.github.eqvae.op.Concat;
import io.github.eqvae.op.Op;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Tensor;

/**
 * Four parallel branches: 1×1, a 1×3 and a 3×1 whose results are concatenated, the same after
 * another 3×3, and pooling. Source: torchvision {@code InceptionE} with pytorch-fid's {@code
 * FIDInceptionE_1}, which uses average pooling, and {@code FIDInceptionE_2}, which uses max pooling
 * as the network of 2015 did.
 */
final class InceptionE {
  private static final int WIDTH = 384;

  private final BasicConv2d branch1x1;
  private final BasicConv2d branch3x3;
  private final BasicConv2d row;
  private final BasicConv2d column;
  private final BasicConv2d doubleA;
  private final BasicConv2d doubleB;
  private final BasicConv2d doubleRow;
  private final BasicConv2d doubleColumn;
  private final BasicConv2d branchPool;
  private final Op pool;

  /** {@code pool} keeps the size of the image. */
  InceptionE(Scope s, int in, Op pool) {
    branch1x1 = BasicConv2d.pointwise(s.in("branch1x1"), in, 320);
    branch3x3 = BasicConv2d.pointwise(s.in("branch3x3_1"), in, WIDTH);
    row = BasicConv2d.same(s.in("branch3x3_2a"), WIDTH, WIDTH, 1, 3);
    column = BasicConv2d.same(s.in("branch3x3_2b"), WIDTH, WIDTH, 3, 1);
    doubleA = BasicConv2d.pointwise(s.in("branch3x3dbl_1"), in, 448);
    doubleB = BasicConv2d.same(s.in("branch3x3dbl_2"), 448, WIDTH, 3, 3);
    doubleRow = BasicConv2d.same(s.in("branch3x3dbl_3a"), WIDTH, WIDTH, 1, 3);
    doubleColumn = BasicConv2d.same(s.in("branch3x3dbl_3b"), WIDTH, WIDTH, 3, 1);
    branchPool = BasicConv2d.pointwise(s.in("branch_pool"), in, 192);
    this.pool = pool;
  }

  Tensor forward(Tape tape, Tensor x) { // [N, H, W, in] → [N, H, W, 2048]
    return tape.block(this::run, x);
  }

  private Tensor run(Tape tape, Tensor x) {
    Tensor a = branch1x1.forward(tape, x); // 320 channels
    Tensor b = branch3x3.forward(tape, x); // 384, twice
    Tensor c = doubleB.forward(tape, doubleA.forward(tape, x)); // 384, twice
    Tensor d = branchPool.forward(tape, tape.apply(pool, x)); // 192
    return tape.apply(
        new Concat(3),
        a,
        row.forward(tape, b),
        column.forward(tape, b),
        doubleRow.forward(tape, c),
        doubleColumn.forward(tape, c),
        d);
  }
}
