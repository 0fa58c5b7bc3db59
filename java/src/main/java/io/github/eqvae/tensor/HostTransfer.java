package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntToDoubleFunction;

/** Copies elements of tensors from and to arrays. Each call waits for the stream. */
final class HostTransfer {
  private static final int ALIGN = 64;

  private HostTransfer() {}

  static void set(Tensor t, Stream stream, int count, IntToDoubleFunction values) {
    require(t, "set", count);
    try (Arena memory = Arena.ofConfined()) {
      MemorySegment host = memory.allocate(t.bytes(), ALIGN);
      for (int i = 0; i < count; i++) {
        if (t.dtype() == DType.F32) {
          host.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values.applyAsDouble(i));
        } else {
          host.setAtIndex(ValueLayout.JAVA_DOUBLE, i, values.applyAsDouble(i));
        }
      }
      stream.copyIn(t.address(), host, t.bytes());
      stream.sync();
    }
  }

  static void setInts(Tensor t, Stream stream, int... values) {
    if (t.dtype() != DType.I32 || values.length != t.shape().elements()) {
      throw new EqvaeException.Argument(
          "setInts: this tensor is %s%s, expected I32 of %d elements"
              .formatted(t.dtype(), t.shape(), values.length));
    }
    try (Arena memory = Arena.ofConfined()) {
      MemorySegment host = memory.allocate(t.bytes(), ALIGN);
      MemorySegment.copy(values, 0, host, ValueLayout.JAVA_INT, 0, values.length);
      t.copyFrom(stream, host);
      stream.sync();
    }
  }

  static float[] toFloats(Tensor t, Stream stream) {
    float[] out = new float[Math.toIntExact(t.shape().elements())];
    if (t.dtype() != DType.F32) {
      double[] d = toDoubles(t, stream);
      for (int i = 0; i < out.length; i++) {
        out[i] = (float) d[i];
      }
      return out;
    }
    require(t, "toFloats", out.length);
    try (Arena memory = Arena.ofConfined()) {
      MemorySegment host = memory.allocate(t.bytes(), ALIGN);
      stream.copyOut(host, t.address(), t.bytes());
      stream.sync();
      MemorySegment.copy(host, ValueLayout.JAVA_FLOAT, 0, out, 0, out.length);
    }
    return out;
  }

  static double[] toDoubles(Tensor t, Stream stream) {
    double[] out = new double[Math.toIntExact(t.shape().elements())];
    require(t, "toDoubles", out.length);
    try (Arena memory = Arena.ofConfined()) {
      MemorySegment host = memory.allocate(t.bytes(), ALIGN);
      stream.copyOut(host, t.address(), t.bytes());
      stream.sync();
      for (int i = 0; i < out.length; i++) {
        out[i] =
            t.dtype() == DType.F32
                ? host.getAtIndex(ValueLayout.JAVA_FLOAT, i)
                : host.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
      }
    }
    return out;
  }

  static int[] toInts(Tensor t, Stream stream) {
    int[] out = new int[Math.toIntExact(t.shape().elements())];
    if (t.dtype() != DType.I32) {
      throw new EqvaeException.Argument("toInts: this tensor is " + t.dtype() + ", expected I32");
    }
    try (Arena memory = Arena.ofConfined()) {
      MemorySegment host = memory.allocate(t.bytes(), ALIGN);
      t.copyTo(stream, host);
      stream.sync();
      MemorySegment.copy(host, ValueLayout.JAVA_INT, 0, out, 0, out.length);
    }
    return out;
  }

  private static void require(Tensor t, String what, int length) {
    t.requireAlive();
    if (t.dtype() != DType.F32 && t.dtype() != DType.F64) {
      throw new EqvaeException.Unsupported(
          what + ": the tensor is " + t.dtype() + ", not F32 or F64");
    }
    if (length != t.shape().elements()) {
      throw new EqvaeException.Argument(
          what + ": " + length + " values for a tensor of shape " + t.shape());
    }
    requireContiguous(t, what);
  }

  /** Fails unless raw bytes can be copied from or to host memory. */
  static void requireRaw(Tensor t, String what, MemorySegment host) {
    t.requireAlive();
    requireContiguous(t, what);
    if (!host.isNative() || host.byteSize() < t.bytes()) {
      throw new EqvaeException.Argument(
          what + ": needs native memory of " + t.bytes() + " bytes, got " + host.byteSize());
    }
  }

  private static void requireContiguous(Tensor t, String what) {
    if (!t.isContiguous()) {
      throw new EqvaeException.Argument(
          what + ": a view of shape " + t.shape() + " is not contiguous");
    }
  }
}
