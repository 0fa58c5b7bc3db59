package io.github.eqvae.op;

import io.github.eqvae.tensor.Tensor;

/**
 * An operation whose output is another view of its input's memory: the forward pass does no work.
 */
public interface ViewOp extends Op {
  /**
   * The view.
   *
   * @param x the input
   * @return the output, over the same memory
   */
  Tensor view(Tensor x);

  /**
   * Whether {@link #view} works for contiguous inputs only; the tape copies others first.
   *
   * @return false unless overridden
   */
  default boolean needsContiguous() {
    return false;
  }

  @Override
  default Keeps keeps() {
    return Keeps.NOTHING;
  }

  @Override
  default void forward(OpCall call) {
    // The tape takes view(x) as the output; there is nothing to compute.
  }
}
