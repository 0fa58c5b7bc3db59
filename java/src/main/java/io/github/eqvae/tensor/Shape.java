package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/** The extents of a tensor, outermost first. Images are {@code [N, H, W, C]}. Immutable. */
public final class Shape {
  /** The shape of a scalar: no dimensions, one element. */
  public static final Shape SCALAR = new Shape(new long[0]);

  static final int MAX_RANK = 5;

  private final long[] extents;
  private final long elements;

  private Shape(long[] extents) {
    this.extents = extents;
    long n = 1;
    for (long e : extents) {
      if (e <= 0) {
        throw new EqvaeException.Argument(
            "Shape " + Arrays.toString(extents) + ": every dimension must be at least 1");
      }
      n = Math.multiplyExact(n, e);
    }
    elements = n;
  }

  /**
   * A shape.
   *
   * @param extents at most five extents, each at least 1
   * @return the shape
   * @throws EqvaeException.Argument when an extent is below 1 or there are too many
   */
  public static Shape of(long... extents) {
    if (extents.length > MAX_RANK) {
      throw new EqvaeException.Argument(
          "A shape has at most " + MAX_RANK + " dimensions, got " + extents.length);
    }
    return extents.length == 0 ? SCALAR : new Shape(extents.clone());
  }

  /**
   * Number of dimensions.
   *
   * @return the rank, 0 for a scalar
   */
  public int rank() {
    return extents.length;
  }

  /**
   * One extent.
   *
   * @param axis the axis; negative counts from the end
   * @return its extent
   */
  public long dim(int axis) {
    return extents[axis < 0 ? axis + extents.length : axis];
  }

  /**
   * One extent as an int.
   *
   * @param axis the axis; negative counts from the end
   * @return its extent
   */
  public int size(int axis) {
    return Math.toIntExact(dim(axis));
  }

  /**
   * The product of the extents.
   *
   * @return number of elements
   */
  public long elements() {
    return elements;
  }

  /**
   * All extents.
   *
   * @return a copy
   */
  public long[] extents() {
    return extents.clone();
  }

  /**
   * This shape with one extent replaced.
   *
   * @param axis the axis; negative counts from the end
   * @param extent the new extent
   * @return the new shape
   */
  public Shape with(int axis, long extent) {
    long[] e = extents.clone();
    e[axis < 0 ? axis + e.length : axis] = extent;
    return of(e);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape s && Arrays.equals(extents, s.extents);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(extents);
  }

  @Override
  public String toString() {
    return Arrays.toString(extents);
  }
}
