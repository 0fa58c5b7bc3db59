package io.github.eqvae.nn;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;

/**
 * How many numbers of a step are NaN or infinite, counted on the device: an update reads the count
 * ({@link AdamOptimizer#update}) and skips itself, without the host.
 */
public final class NonFiniteCount {
  private static final int COUNT_NONFINITE = 2;

  private final Tensor total;
  private final Tensor part;

  /**
   * A count whose value is undefined before {@link #clear}.
   *
   * @param arena where it lives
   */
  public NonFiniteCount(TensorArena arena) {
    total = arena.tensor(Shape.SCALAR);
    part = arena.tensor(Shape.SCALAR);
  }

  /**
   * Begins at 0.
   *
   * @param stream orders the work
   */
  public void clear(Stream stream) {
    total.fill(stream, 0);
  }

  /**
   * Adds the numbers of a tensor to the count.
   *
   * @param stream orders the work
   * @param values a contiguous tensor in the device's dtype
   */
  public void add(Stream stream, Tensor values) {
    stream.launch(Fn.REDUCE, Struct.REDUCE_PARAMS).i32(COUNT_NONFINITE).f64(1).run(values, part);
    stream.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(1).f32(1).run(total, part, total);
  }

  /**
   * The count so far.
   *
   * @return a scalar
   */
  public Tensor total() {
    return total;
  }
}
