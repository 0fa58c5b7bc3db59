package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/** Strides of views, in elements. */
final class Strides {
  private Strides() {}

  /** Row-major without gaps. */
  static long[] contiguous(Shape shape) {
    long[] s = new long[shape.rank()];
    long stride = 1;
    for (int i = s.length - 1; i >= 0; i--) {
      s[i] = stride;
      stride *= shape.dim(i);
    }
    return s;
  }

  static boolean areContiguous(Shape shape, long[] strides) {
    long stride = 1;
    for (int i = shape.rank() - 1; i >= 0; i--) {
      if (shape.dim(i) != 1 && strides[i] != stride) {
        return false;
      }
      stride *= shape.dim(i);
    }
    return true;
  }

  /** Fails unless the elements can get another shape without a copy. */
  static void requireReshape(Shape shape, long[] strides, Shape newShape) {
    if (newShape.elements() != shape.elements()) {
      throw new EqvaeException.Argument(
          "reshape: "
              + shape
              + " has "
              + shape.elements()
              + " elements, "
              + newShape
              + " has "
              + newShape.elements());
    }
    if (!areContiguous(shape, strides)) {
      throw new EqvaeException.Argument(
          "reshape: a view with shape "
              + shape
              + " and strides "
              + Arrays.toString(strides)
              + " is not contiguous; copy it first");
    }
  }

  static Shape permuted(Shape shape, int... axes) {
    boolean distinct = Arrays.stream(axes).distinct().count() == axes.length;
    boolean inside = Arrays.stream(axes).allMatch(a -> a >= 0 && a < shape.rank());
    if (axes.length != shape.rank() || !distinct || !inside) {
      throw new EqvaeException.Argument(
          "permute: " + Arrays.toString(axes) + " is no permutation of the axes of " + shape);
    }
    return Shape.of(Arrays.stream(axes).mapToLong(shape::dim).toArray());
  }

  static long[] permuted(long[] strides, int... axes) {
    return Arrays.stream(axes).mapToLong(a -> strides[a]).toArray();
  }
}
