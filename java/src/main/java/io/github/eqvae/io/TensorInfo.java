package io.github.eqvae.io;

import java.util.Arrays;

/**
 * What a safetensors header says about one tensor.
 *
 * @param dtype the format's name of the element type, such as {@code F32}
 * @param shape the dimensions, outermost first; empty for a scalar
 * @param begin first byte, counted from the end of the header
 * @param end one past the last byte, counted likewise
 */
public record TensorInfo(String dtype, long[] shape, long begin, long end) {
  /** Copies the shape, so that the value cannot change. */
  public TensorInfo {
    shape = shape.clone();
  }

  /**
   * The dimensions.
   *
   * @return a copy, outermost first
   */
  @Override
  public long[] shape() {
    return shape.clone();
  }

  /**
   * The size of the data.
   *
   * @return in bytes
   */
  public long bytes() {
    return end - begin;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TensorInfo that
        && dtype.equals(that.dtype)
        && Arrays.equals(shape, that.shape)
        && begin == that.begin
        && end == that.end;
  }

  @Override
  public int hashCode() {
    return 31 * Long.hashCode(begin) + Arrays.hashCode(shape);
  }

  @Override
  public String toString() {
    return dtype + Arrays.toString(shape) + "@" + begin + ".." + end;
  }
}
