package io.github.eqvae.nn;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;

/** The L2 norm over all gradients of a store. PyTorch: what {@code clip_grad_norm_} returns. */
public final class GradientNorm {
  private GradientNorm() {}

  /**
   * The norm, summed in a fixed order.
   *
   * @param stream waited for
   * @param store whose gradients
   * @param arena where the scalar goes
   * @return √Σg²; not finite when a gradient is not
   */
  public static double of(Stream stream, ParameterStore store, TensorArena arena) {
    Tensor sum = arena.tensor(Shape.SCALAR);
    squares(stream, store, sum);
    return Math.sqrt(sum.item(stream));
  }

  /**
   * The sum of squares, left on the device.
   *
   * @param stream orders the work
   * @param store whose gradients
   * @param sum a scalar that receives Σg², summed in a fixed order
   */
  public static void squares(Stream stream, ParameterStore store, Tensor sum) {
    Tensor gradients = store.gradients(stream);
    stream.launch(Fn.REDUCE, Struct.REDUCE_PARAMS).i32(1).f64(1).run(gradients, sum);
  }
}
