package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Host memory that a device copies from and to while the host continues: pinned if the device
 * supports it. It is allocated once and reused. Writing to it before a copy is done changes the
 * copied values.
 */
public final class HostBuffer implements AutoCloseable {
  private final Device device;
  private final Shape shape;
  private final DType dtype;
  private final MemorySegment memory;
  private final LeakCheck leak;
  private boolean closed;

  /**
   * Allocates a buffer for the elements of a tensor.
   *
   * @param device the device that copies from and to it
   * @param shape the tensor's shape
   * @param dtype the tensor's dtype: F32, F64 or I32
   */
  public HostBuffer(Device device, Shape shape, DType dtype) {
    if (dtype != DType.F32 && dtype != DType.F64 && dtype != DType.I32) {
      throw new EqvaeException.Unsupported("HostBuffer: " + dtype + ", expected F32, F64 or I32");
    }
    this.device = device;
    this.shape = shape;
    this.dtype = dtype;
    long bytes = Math.multiplyExact(shape.elements(), (long) dtype.bytes());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.JAVA_LONG);
      device.library().call(Fn.HOST_ALLOC, device.handle(), bytes, out.address());
      memory = device.library().memory(out.get(ValueLayout.JAVA_LONG, 0), bytes);
    }
    leak = LeakCheck.opened(this, "HostBuffer on " + device);
  }

  /**
   * Writes elements from the first on.
   *
   * @param values at most as many as it holds, converted to its dtype
   */
  public void set(float... values) {
    requireRoom(values.length);
    if (dtype == DType.F32) {
      MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
    } else if (dtype != DType.F64) {
      throw new EqvaeException.Argument("HostBuffer: numbers for a buffer of " + dtype);
    } else {
      for (int i = 0; i < values.length; i++) {
        memory.setAtIndex(ValueLayout.JAVA_DOUBLE, i, values[i]);
      }
    }
  }

  /**
   * Writes whole numbers from the first element on.
   *
   * @param values at most as many as it holds
   */
  public void set(int[] values) {
    requireRoom(values.length);
    if (dtype != DType.I32) {
      throw new EqvaeException.Argument("HostBuffer: whole numbers for a buffer of " + dtype);
    }
    MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_INT, 0, values.length);
  }

  /**
   * Writes one element.
   *
   * @param index which
   * @param value its value, converted to the buffer's dtype
   */
  public void set(int index, double value) {
    requireRoom(1);
    if (dtype == DType.F32) {
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) value);
    } else {
      memory.setAtIndex(ValueLayout.JAVA_DOUBLE, index, value);
    }
  }

  /**
   * Reads one element.
   *
   * @param index which
   * @return its value
   */
  public double get(int index) {
    requireRoom(1);
    return dtype == DType.F32
        ? memory.getAtIndex(ValueLayout.JAVA_FLOAT, index)
        : memory.getAtIndex(ValueLayout.JAVA_DOUBLE, index);
  }

  /**
   * Copies all elements to a tensor. The copy is done in the order of the stream.
   *
   * @param stream orders the copy
   * @param tensor a contiguous tensor of the buffer's shape and dtype
   */
  public void copyTo(Stream stream, Tensor tensor) {
    requireLike(tensor);
    tensor.copyFrom(stream, memory);
  }

  /**
   * Copies all elements of a tensor into the buffer, and waits for it.
   *
   * @param stream orders the copy
   * @param tensor a contiguous tensor of the buffer's shape and dtype
   */
  public void copyFrom(Stream stream, Tensor tensor) {
    requireLike(tensor);
    tensor.copyTo(stream, memory);
    stream.sync();
  }

  private void requireLike(Tensor tensor) {
    requireRoom(0);
    if (!tensor.shape().equals(shape) || tensor.dtype() != dtype || tensor.device() != device) {
      throw new EqvaeException.Argument(
          "HostBuffer: it is for " + dtype + shape + " on " + device + ", the tensor is " + tensor);
    }
  }

  private void requireRoom(int values) {
    if (closed || values > shape.elements()) {
      throw new EqvaeException.Argument(
          closed
              ? "This host buffer is closed"
              : "HostBuffer: " + values + " values for a buffer of " + shape.elements());
    }
  }

  @Override
  public void close() {
    if (!closed) {
      device.library().call(Fn.HOST_FREE, device.handle(), memory.address());
      closed = true;
      leak.closed();
    }
  }
}
