package io.github.eqvae.tape;

import io.github.eqvae.op.Op;
import io.github.eqvae.tensor.Tensor;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One recorded operation, or one block that is run again in the backward pass. */
final class Node {
  final @Nullable Op op;
  final @Nullable Blocks block;

  /** As the caller passed them: gradients belong to these. */
  final @Nullable Tensor[] inputs;

  /** As the operation saw them: contiguous. */
  final @Nullable Tensor[] in;

  Tensor[] out = {};

  /** Null where nothing was recorded and the operation did not ask for it. */
  @Nullable Tensor[] saved = {};

  /** Parameters a block used. */
  Map<Tensor, @Nullable GradientTarget> leaves = Map.of();

  Node(Op op, @Nullable Tensor[] inputs) {
    this.op = op;
    this.block = null;
    this.inputs = inputs;
    this.in = inputs.clone();
  }

  Node(Blocks block, Tensor... inputs) {
    this.op = null;
    this.block = block;
    this.inputs = inputs;
    this.in = inputs;
  }

  /** A block of any number of inputs. */
  @FunctionalInterface
  interface Blocks {
    Tensor apply(Tape tape, Tensor... inputs);
  }
}
