package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The resources of one call at a time: a stream, an arena and staging memory for copies. All three
 * keep their size, so a call with known shapes allocates nothing outside the Java heap.
 */
final class Session implements AutoCloseable {
  private final Stream stream;
  private final TensorArena arena;
  private Arena owner = Arena.ofShared();
  private MemorySegment staging = MemorySegment.NULL;

  Session(Device device) {
    stream = new Stream(device);
    arena = new TensorArena(device, "session");
  }

  Stream stream() {
    return stream;
  }

  /** Memory of a call, which {@link #reset} frees. */
  TensorArena arena() {
    return arena;
  }

  /** A new tape for a call. */
  Tape tape() {
    return new Tape(stream, arena, Tape.Mode.INFERENCE);
  }

  /** Creates a tensor with these values, in the device's dtype. */
  Tensor upload(Shape shape, float[] values) {
    Tensor t = arena.tensor(shape);
    if (t.dtype() != DType.F32) {
      t.set(stream, values);
      return t;
    }
    MemorySegment host = staging(t.bytes());
    MemorySegment.copy(values, 0, host, ValueLayout.JAVA_FLOAT, 0, values.length);
    t.copyFrom(stream, host);
    stream.sync();
    return t;
  }

  /** Copies all elements of a tensor, which may be a view. */
  float[] download(Tensor tensor) {
    Tensor t = tensor;
    if (!t.isContiguous()) {
      t = arena.tensor(tensor.shape(), tensor.dtype());
      tensor.copyTo(stream, t);
    }
    if (t.dtype() != DType.F32) {
      return t.toFloats(stream);
    }
    float[] out = new float[Math.toIntExact(t.shape().elements())];
    MemorySegment host = staging(t.bytes());
    t.copyTo(stream, host);
    stream.sync();
    MemorySegment.copy(host, ValueLayout.JAVA_FLOAT, 0, out, 0, out.length);
    return out;
  }

  /** Copies all elements of an I32 tensor. */
  int[] downloadInts(Tensor t) {
    int[] out = new int[Math.toIntExact(t.shape().elements())];
    MemorySegment host = staging(t.bytes());
    t.copyTo(stream, host);
    stream.sync();
    MemorySegment.copy(host, ValueLayout.JAVA_INT, 0, out, 0, out.length);
    return out;
  }

  private MemorySegment staging(long bytes) {
    if (staging.byteSize() < bytes) {
      owner.close();
      owner = Arena.ofShared();
      staging = owner.allocate(bytes, 64);
    }
    return staging;
  }

  /** Frees the memory of the call. */
  void reset() {
    arena.reset();
  }

  @Override
  public void close() {
    try {
      stream.close();
    } finally {
      arena.close();
      owner.close();
    }
  }

  /** The work of one call. */
  @FunctionalInterface
  interface Work<T> {
    T on(Session session) throws EqvaeException;
  }
}
