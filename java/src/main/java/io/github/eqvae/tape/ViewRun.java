package io.github.eqvae.tape;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.ViewOp;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** Runs an operation that only looks at its input in another way: {@link Tape#run}. */
final class ViewRun {
  private ViewRun() {}

  static Tensor of(Tape tape, ViewOp op, @Nullable Tensor[] inputs, boolean record) {
    Tensor x = inputs[0];
    if (x == null) {
      throw new EqvaeException.Argument(op.name() + ": the input is missing");
    }
    Tensor dense = op.needsContiguous() && !x.isContiguous() ? tape.dense(x) : x;
    Tensor y = op.view(dense);
    if (record) {
      Node node = new Node(op, inputs.clone());
      node.in[0] = dense;
      node.out = new Tensor[] {y};
      tape.add(node);
    }
    return y;
  }
}
