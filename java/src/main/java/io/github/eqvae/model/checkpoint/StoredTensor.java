package io.github.eqvae.model.checkpoint;

import io.github.eqvae.EqvaeException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.Supplier;

/** A tensor in an open file. Its numbers are read on demand. */
public final class StoredTensor {
  private final String name;
  private final String dtype;
  private final long[] shape;
  private final Supplier<MemorySegment> bytes;

  StoredTensor(String name, String dtype, long[] shape, Supplier<MemorySegment> bytes) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape.clone();
    this.bytes = bytes;
  }

  /**
   * The name in the file.
   *
   * @return the name in the file, with its prefix
   */
  public String name() {
    return name;
  }

  /**
   * The element type.
   *
   * @return safetensors' name for it, such as {@code F32}
   */
  public String dtype() {
    return dtype;
  }

  /**
   * The dimensions it has in the file.
   *
   * @return a copy, outermost first
   */
  public long[] shape() {
    return shape.clone();
  }

  /**
   * The number of elements.
   *
   * @return the product of the dimensions
   */
  public long elements() {
    long n = 1;
    for (long extent : shape) {
      n = Math.multiplyExact(n, extent);
    }
    return n;
  }

  /**
   * The numbers.
   *
   * @return row-major, little-endian; valid until the file is closed
   */
  public MemorySegment bytes() {
    return bytes.get();
  }

  /**
   * The element type, if it is one of floating point.
   *
   * @return the type
   * @throws EqvaeException.Argument if it is another
   */
  public FloatType floatType() {
    return FloatType.of(dtype)
        .orElseThrow(
            () ->
                new EqvaeException.Argument(
                    "tensor " + this + ": expected one of " + Arrays.toString(FloatType.values())));
  }

  /**
   * The numbers as floats.
   *
   * @return exact for F32, F16 and BF16
   */
  public float[] floats() {
    FloatType type = floatType();
    MemorySegment data = bytes();
    float[] values = new float[Math.toIntExact(elements())];
    for (int i = 0; i < values.length; i++) {
      values[i] = type.get(data, i);
    }
    return values;
  }

  /** Name, type and shape. */
  @Override
  public String toString() {
    return name + " " + dtype + Arrays.toString(shape);
  }
}
