package io.github.eqvae.io.torch;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The elements of a storage that a tensor has.
 *
 * @param shape the dimensions, outermost first
 * @param strides elements between neighbours along each dimension
 * @param offset the tensor's first element
 */
record TensorView(long[] shape, long[] strides, long offset) {
  /** More dimensions than PyTorch's kernels accept. */
  static final int MAX_RANK = 64;

  /**
   * A row-major view that begins at the storage's first element.
   *
   * @throws ArithmeticException if the elements do not fit in 64 bits
   * @throws IllegalArgumentException if a dimension is negative or there are too many
   */
  static TensorView contiguous(long[] shape) {
    long[] strides = new long[shape.length];
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = stride;
      // as in PyTorch, a dimension of 0 does not make other strides 0
      stride = Math.multiplyExact(stride, Math.max(1, shape[i]));
    }
    TensorView view = new TensorView(shape.clone(), strides, 0);
    view.extent();
    return view;
  }

  /** The product of the dimensions; {@link #extent} has checked that it fits. */
  long elements() {
    long product = 1;
    for (long dimension : shape) {
      product *= dimension;
    }
    return product;
  }

  /**
   * One past the last element of the storage that the view has, 0 if it has none.
   *
   * @throws ArithmeticException if the number of elements or a position does not fit in 64 bits
   * @throws IllegalArgumentException if something is negative, or there are not as many strides as
   *     dimensions
   */
  long extent() {
    if (shape.length > MAX_RANK) {
      throw new IllegalArgumentException(
          "it has " + shape.length + " dimensions, the limit is " + MAX_RANK);
    }
    if (strides.length != shape.length) {
      throw new IllegalArgumentException(
          "it has " + shape.length + " dimensions and " + strides.length + " strides");
    }
    if (offset < 0) {
      throw new IllegalArgumentException("its storage offset is negative: " + offset);
    }
    boolean empty = false;
    // without dimensions of 0: the other dimensions must not overflow either
    long product = 1;
    long last = offset;
    for (int i = 0; i < shape.length; i++) {
      if (shape[i] < 0) {
        throw new IllegalArgumentException("a dimension is negative: " + shape[i]);
      }
      if (strides[i] < 0) {
        throw new IllegalArgumentException("a stride is negative: " + strides[i]);
      }
      if (shape[i] == 0) {
        empty = true;
      } else {
        product = multiply(product, shape[i]);
        last = add(last, multiply(shape[i] - 1, strides[i]));
      }
    }
    return empty ? 0 : add(last, 1);
  }

  private static long multiply(long a, long b) {
    if (Math.multiplyHigh(a, b) != 0 || a * b < 0) {
      throw new ArithmeticException("its shape or strides overflow 64 bits");
    }
    return a * b;
  }

  private static long add(long a, long b) {
    if (a + b < 0) {
      throw new ArithmeticException("its shape or strides overflow 64 bits");
    }
    return a + b;
  }

  /** Whether the elements are contiguous; a dimension of 1 may have any stride. */
  boolean isContiguous() {
    long expected = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      if (shape[i] == 0) {
        return true;
      }
      if (shape[i] != 1 && strides[i] != expected) {
        return false;
      }
      expected *= shape[i];
    }
    return true;
  }

  /** Copies the elements, in row-major order, into an array of exactly that length. */
  void gather(MemorySegment storage, int width, byte[] target) {
    int rank = shape.length;
    if (rank == 0 || target.length == 0) {
      MemorySegment.copy(storage, ValueLayout.JAVA_BYTE, offset * width, target, 0, target.length);
      return;
    }
    long row = shape[rank - 1];
    long step = strides[rank - 1] * width;
    long[] index = new long[rank];
    long start = offset;
    int out = 0;
    while (out < target.length) {
      long from = start * width;
      if (step == width) {
        int length = Math.toIntExact(row * width);
        MemorySegment.copy(storage, ValueLayout.JAVA_BYTE, from, target, out, length);
        out += length;
      } else {
        for (long i = 0; i < row; i++, from += step, out += width) {
          for (int b = 0; b < width; b++) {
            target[out + b] = storage.get(ValueLayout.JAVA_BYTE, from + b);
          }
        }
      }
      // the next row: count over the outer dimensions like an odometer
      for (int d = rank - 2; d >= 0; d--) {
        start += strides[d];
        if (++index[d] < shape[d]) {
          break;
        }
        start -= strides[d] * index[d];
        index[d] = 0;
      }
    }
  }
}
