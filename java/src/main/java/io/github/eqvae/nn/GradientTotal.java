package io.github.eqvae.nn;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;

/**
 * The sum of the gradients of several micro-batches, one after the other: {@code ((g₀ + g₁) + g₂) +
 * …}. The gradients of a micro-batch are complete before they are added, also where a parameter is
 * used several times in it. So the sum has the same bits when the micro-batches were computed by
 * several processes.
 */
public final class GradientTotal {
  private final ParameterStore store;
  private final Tensor sum;

  /**
   * Allocates the sum.
   *
   * @param store whose gradients
   * @param arena where the sum lives
   */
  public GradientTotal(ParameterStore store, TensorArena arena) {
    this.store = store;
    sum = arena.tensor(store.values().shape());
  }

  /**
   * Adds the store's gradients to the sum. After the last micro-batch the sum is where the
   * gradients were.
   *
   * @param stream orders the work
   * @param first whether the sum begins
   * @param last whether it ends
   */
  public void add(Stream stream, boolean first, boolean last) {
    Tensor gradients = store.gradients(stream);
    if (first && !last) {
      gradients.copyTo(stream, sum);
    } else if (!first) {
      stream
          .launch(Fn.AXPBY, Struct.AXPBY_PARAMS)
          .f32(1)
          .f32(1)
          .run(sum, gradients, last ? gradients : sum);
    }
  }
}
