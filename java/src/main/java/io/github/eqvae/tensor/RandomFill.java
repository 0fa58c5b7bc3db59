package io.github.eqvae.tensor;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import org.jspecify.annotations.Nullable;

/** Fills tensors with random numbers. */
final class RandomFill {
  /** Normal, by mean and standard deviation. */
  static final int NORMAL = 0;

  /** Uniform, by the two ends. */
  static final int UNIFORM = 1;

  private RandomFill() {}

  static void run(
      Tensor out,
      Stream stream,
      int kind,
      long seed,
      long purpose,
      double a,
      double b,
      @Nullable Tensor counter) {
    stream
        .launch(Fn.RANDOM, Struct.RANDOM_PARAMS)
        .i32(kind)
        .u64(seed)
        .u64(purpose)
        .f64(a)
        .f64(b)
        .run(counter, out);
  }
}
