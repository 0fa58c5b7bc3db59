package io.github.eqvae.op;

import io.github.eqvae.tensor.Shape;

/**
 * An operation: shape rule, forward, backward, in one place. Implementations are records of their
 * parameters and keep no state. {@link #keeps} declares which tensors of the forward pass {@code
 * backward} reads; the tape frees the others.
 */
public interface Op {
  /**
   * Validates the inputs and says what the operation produces.
   *
   * @param inputs shapes and dtypes of the inputs; an entry is null where an optional input is
   *     absent
   * @return outputs and saved tensors
   * @throws io.github.eqvae.EqvaeException.Argument when the inputs do not fit; the message says
   *     why
   */
  Inference infer(Inputs inputs);

  /**
   * Computes the outputs (and what is saved) from the inputs.
   *
   * @param call the tensors of this call
   */
  void forward(OpCall call);

  /**
   * Computes the gradients of those inputs that need one, from the gradients of the outputs.
   * Gradients are assigned, not added.
   *
   * @param call the tensors of this call
   */
  void backward(OpCall call);

  /**
   * Which tensors of the forward pass {@code backward} reads.
   *
   * @return positions of the inputs and outputs it reads; saved tensors are always kept
   */
  Keeps keeps();

  /**
   * Whether {@code backward} reads the gradient of an output. Integers have none.
   *
   * @param output its position
   * @return false for outputs that only other operations use, such as statistics
   */
  default boolean isDifferentiable(int output) {
    return true;
  }

  /**
   * Whether its only output costs little to compute {@link #again} in comparison with the
   * operations that read it, and needs only what {@code backward} reads anyway. Devices with little
   * memory for their speed then do not keep it.
   *
   * @param output the output's shape
   * @return false for most operations
   */
  default boolean isCheap(Shape output) {
    return false;
  }

  /**
   * Computes a {@linkplain #isCheap cheap} output again, with the same bits, from the inputs and
   * what {@code forward} saved.
   *
   * @param call the tensors of the forward call
   */
  default void again(OpCall call) {
    forward(call);
  }

  /**
   * Whether it can be given a {@linkplain PackedWeights packed copy} of its weight beside the
   * weight itself. A layer that says so when it declares the weight is given one where the run
   * keeps them.
   *
   * @return false for all that read the weight as it is
   */
  default boolean readsPackedWeight() {
    return false;
  }

  /**
   * Name in messages, profiles and plans.
   *
   * @return snake_case name
   */
  default String name() {
    return getClass()
        .getSimpleName()
        .replaceAll("([a-z0-9])([A-Z])", "$1_$2")
        .toLowerCase(java.util.Locale.ROOT);
  }
}
