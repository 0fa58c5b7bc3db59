package io.github.eqvae.op;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Launch;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** The tensors of one forward or backward call of an operation. Implemented by the tape. */
public interface OpCall {
  /**
   * The stream that runs the work.
   *
   * @return the stream
   */
  Stream stream();

  /**
   * An input; contiguous.
   *
   * @param i its position
   * @return the tensor
   */
  Tensor in(int i);

  /**
   * An optional input.
   *
   * @param i its position
   * @return the tensor, null when it was left out
   */
  @Nullable Tensor optional(int i);

  /**
   * An output.
   *
   * @param i its position
   * @return the tensor
   */
  Tensor out(int i);

  /**
   * A tensor the forward pass saved. Where no backward pass follows it is only allocated if the
   * forward pass asks for it.
   *
   * @param i its position
   * @return the tensor
   */
  Tensor saved(int i);

  /**
   * Whether a backward pass can follow.
   *
   * @return false if what only the backward pass reads need not be saved
   */
  boolean isRecorded();

  /**
   * Says that this call reads an input no more, so that its memory may be used for gradients
   * (backward only).
   *
   * @param i the input's position
   */
  void hasRead(int i);

  /**
   * Gradient of the loss with respect to an output (backward only).
   *
   * @param i the output's position
   * @return the gradient, contiguous; zeros if the loss does not depend on the output
   */
  Tensor dOut(int i);

  /**
   * Whether the gradient of an input is needed (backward only).
   *
   * @param i the input's position
   * @return true if {@link #dIn} must be written
   */
  boolean wants(int i);

  /**
   * Where to write the gradient of an input (backward only).
   *
   * @param i the input's position
   * @return the destination, null when it is not needed
   */
  @Nullable Tensor dIn(int i);

  /**
   * What other operations have found of an input's gradient so far, for an operation that can add
   * it to its own while it writes {@link #dIn}: that saves a pass over both. Whoever asks must add
   * it (backward only).
   *
   * @param i the input's position
   * @return contiguous, of the input's shape and dtype; null if there is nothing to add
   */
  @Nullable Tensor gradientSoFar(int i);

  /**
   * Declares that the gradient of an input is this tensor, without a copy (backward only).
   *
   * @param i the input's position
   * @param gradient the gradient of an output or a view of it
   */
  void pass(int i, Tensor gradient);

  /**
   * A temporary tensor, freed after this call.
   *
   * @param shape its shape
   * @param dtype its dtype
   * @return the tensor, content undefined
   */
  Tensor temporary(Shape shape, DType dtype);

  /**
   * Begins a native call with parameters.
   *
   * @param fn the function
   * @param params its parameter struct
   * @return the call
   */
  default Launch launch(Fn fn, Struct params) {
    return stream().launch(fn, params);
  }

  /**
   * Begins a native call without parameters.
   *
   * @param fn the function
   * @return the call
   */
  default Launch launch(Fn fn) {
    return stream().launch(fn);
  }
}
