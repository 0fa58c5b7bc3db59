package io.github.eqvae.tensor;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A view of memory that an {@link TensorArena} owns: shape, strides and dtype. A tensor never owns
 * memory. Using one after its arena was reset or closed, or after it was released, throws an error
 * that says so. Identity matters: the tape tells tensors apart by {@code ==}.
 */
public final class Tensor {
  private final TensorArena arena;
  private final long generation;
  private final long address;
  private final Shape shape;
  private final long[] strides;
  private final DType dtype;
  private final Tensor root;
  private boolean released;

  Tensor(TensorArena arena, long address, Shape shape, DType dtype) {
    this.arena = arena;
    this.generation = arena.generation();
    this.address = address;
    this.shape = shape;
    this.strides = Strides.contiguous(shape);
    this.dtype = dtype;
    this.root = this;
  }

  private Tensor(Tensor parent, long address, Shape shape, long[] strides) {
    this.arena = parent.arena;
    this.generation = parent.generation;
    this.address = address;
    this.shape = shape;
    this.strides = strides;
    this.dtype = parent.dtype;
    this.root = parent.root;
  }

  /**
   * The extents.
   *
   * @return the shape
   */
  public Shape shape() {
    return shape;
  }

  /**
   * The element type.
   *
   * @return the dtype
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * The device the memory is on.
   *
   * @return the device
   */
  public Device device() {
    return arena.device();
  }

  /**
   * The arena that owns the memory.
   *
   * @return the arena
   */
  public TensorArena arena() {
    return arena;
  }

  /**
   * The tensor this one is a view of.
   *
   * @return the tensor that the arena allocated; this one if it is not a view
   */
  public Tensor root() {
    return root;
  }

  /**
   * Size of the elements.
   *
   * @return elements times bytes per element
   */
  public long bytes() {
    return shape.elements() * dtype.bytes();
  }

  /**
   * Whether elements lie in row-major order without gaps.
   *
   * @return true if contiguous
   */
  public boolean isContiguous() {
    return Strides.areContiguous(shape, strides);
  }

  /**
   * The same elements under another shape.
   *
   * @param newShape a shape with as many elements
   * @return a view
   * @throws EqvaeException.Argument when the counts differ or this tensor is not contiguous
   */
  public Tensor reshape(Shape newShape) {
    Strides.requireReshape(shape, strides, newShape);
    return new Tensor(this, address, newShape, Strides.contiguous(newShape));
  }

  /**
   * A part along one axis.
   *
   * @param axis the axis; negative counts from the end
   * @param start first index
   * @param length how many
   * @return a view, in general not contiguous
   * @throws EqvaeException.Argument when the range is outside the axis
   */
  public Tensor narrow(int axis, long start, long length) {
    int a = axis < 0 ? axis + shape.rank() : axis;
    if (a < 0 || a >= shape.rank() || start < 0 || length < 1 || start + length > shape.dim(a)) {
      throw new EqvaeException.Argument(
          "narrow: "
              + start
              + "…"
              + (start + length)
              + " on axis "
              + axis
              + " is outside "
              + shape);
    }
    return new Tensor(
        this, address + start * strides[a] * dtype.bytes(), shape.with(a, length), strides);
  }

  /**
   * The axes in another order.
   *
   * @param axes a permutation of 0…rank-1
   * @return a view, in general not contiguous
   */
  public Tensor permute(int... axes) {
    return new Tensor(
        this, address, Strides.permuted(shape, axes), Strides.permuted(strides, axes));
  }

  /**
   * Another tensor over the same memory that no tape knows: a tape treats it as a constant.
   *
   * @return a view of all elements
   */
  public Tensor alias() {
    return new Tensor(this, address, shape, strides);
  }

  /**
   * Writes elements.
   *
   * @param stream orders the copy
   * @param values row-major, converted to this tensor's dtype (F32 or F64); waits until they are
   *     taken
   */
  public void set(Stream stream, float... values) {
    HostTransfer.set(this, stream, values.length, i -> values[i]);
  }

  /**
   * Writes elements.
   *
   * @param stream orders the copy
   * @param values row-major, converted to this tensor's dtype (F32 or F64); waits until they are
   *     taken
   */
  public void set(Stream stream, double... values) {
    HostTransfer.set(this, stream, values.length, i -> values[i]);
  }

  /**
   * Writes the elements of a tensor of {@code I32}.
   *
   * @param stream orders the copy
   * @param values row-major; returns when they have been read
   */
  public void setInts(Stream stream, int... values) {
    HostTransfer.setInts(this, stream, values);
  }

  /**
   * Writes the raw bytes of all elements.
   *
   * @param stream orders the copy
   * @param host native memory with {@link #bytes()} bytes, in this tensor's dtype; must live until
   *     the stream is synced
   */
  public void copyFrom(Stream stream, MemorySegment host) {
    HostTransfer.requireRaw(this, "copyFrom", host);
    stream.copyIn(address, host, bytes());
  }

  /**
   * Reads the raw bytes of all elements; they are there after {@link Stream#sync()}.
   *
   * @param stream orders the copy
   * @param host native memory of at least {@link #bytes()} bytes
   */
  public void copyTo(Stream stream, MemorySegment host) {
    HostTransfer.requireRaw(this, "copyTo", host);
    stream.copyOut(host, address, bytes());
  }

  /**
   * Reads all elements.
   *
   * @param stream waited for
   * @return the elements, row-major
   */
  public float[] toFloats(Stream stream) {
    return HostTransfer.toFloats(this, stream);
  }

  /**
   * Reads all elements.
   *
   * @param stream waited for
   * @return the elements, row-major
   */
  public double[] toDoubles(Stream stream) {
    return HostTransfer.toDoubles(this, stream);
  }

  /**
   * Reads all elements of a tensor of {@code I32}.
   *
   * @param stream waited for
   * @return the elements, row-major
   */
  public int[] toInts(Stream stream) {
    return HostTransfer.toInts(this, stream);
  }

  /**
   * Reads the only element.
   *
   * @param stream waited for
   * @return its value
   */
  public double item(Stream stream) {
    if (shape.elements() != 1) {
      throw new EqvaeException.Argument("item: a tensor of shape " + shape + " has more elements");
    }
    return toDoubles(stream)[0];
  }

  /**
   * Copies the elements into another tensor; shapes must agree, strides and float dtypes may
   * differ.
   *
   * @param stream orders the copy
   * @param destination where they go
   */
  public void copyTo(Stream stream, Tensor destination) {
    stream.launch(Fn.COPY).run(this, destination);
  }

  /**
   * Sets all elements.
   *
   * @param stream orders the work
   * @param value the value
   */
  public void fill(Stream stream, double value) {
    stream.launch(Fn.FILL, Struct.FILL_PARAMS).i32(0).f64(value).run(this);
  }

  /**
   * Fills with normal numbers: Philox4x32-10 with the seed as key and the purpose in the counter,
   * so the same arguments give the same numbers on every device.
   *
   * @param stream orders the work
   * @param seed the run's seed
   * @param purpose what the numbers are for; different purposes give independent numbers
   * @param mean mean
   * @param std standard deviation
   */
  public void normal(Stream stream, long seed, long purpose, double mean, double std) {
    RandomFill.run(this, stream, RandomFill.NORMAL, seed, purpose, mean, std, null);
  }

  /**
   * The same, with a part of the purpose that is read on the device: a graph draws other numbers at
   * each launch.
   *
   * @param stream orders the work
   * @param seed the run's seed
   * @param purpose what the numbers are for
   * @param counter a scalar of F64 that is added to the purpose: an integer below 2⁵³
   * @param mean mean
   * @param std standard deviation
   */
  public void normal(
      Stream stream, long seed, long purpose, Tensor counter, double mean, double std) {
    RandomFill.run(this, stream, RandomFill.NORMAL, seed, purpose, mean, std, counter);
  }

  /**
   * Fills with uniform numbers in [low, high); see {@link #normal}.
   *
   * @param stream orders the work
   * @param seed the run's seed
   * @param purpose what the numbers are for
   * @param low lower bound
   * @param high upper bound
   */
  public void uniform(Stream stream, long seed, long purpose, double low, double high) {
    RandomFill.run(this, stream, RandomFill.UNIFORM, seed, purpose, low, high, null);
  }

  /**
   * The same, with a part of the purpose that is read on the device; see {@link #normal}.
   *
   * @param stream orders the work
   * @param seed the run's seed
   * @param purpose what the numbers are for
   * @param counter a scalar of F64 that is added to the purpose: an integer below 2⁵³
   * @param low lower bound
   * @param high upper bound
   */
  public void uniform(
      Stream stream, long seed, long purpose, Tensor counter, double low, double high) {
    RandomFill.run(this, stream, RandomFill.UNIFORM, seed, purpose, low, high, counter);
  }

  void requireAlive() {
    if (root.released) {
      throw new EqvaeException.Argument(
          "This tensor of shape " + shape + " was released; keep() it to use it later");
    }
    if (generation != arena.generation()) {
      throw new EqvaeException.Argument(
          "This tensor of shape " + shape + " belonged to an earlier step: its arena was reset");
    }
  }

  void markReleased() {
    released = true;
  }

  /**
   * Whether the memory was given back.
   *
   * @return true once released or the arena was reset
   */
  public boolean isReleased() {
    return root.released || generation != arena.generation();
  }

  long address() {
    return address;
  }

  /** Writes the {@code eqv_tensor} at an offset of a call's frame. */
  void describe(MemorySegment frame, long offset) {
    requireAlive();
    frame.set(ValueLayout.JAVA_LONG, offset, address);
    for (int i = 0; i < strides.length; i++) {
      frame.set(ValueLayout.JAVA_LONG, offset + 8 + 8L * i, shape.dim(i));
      frame.set(ValueLayout.JAVA_LONG, offset + 48 + 8L * i, strides[i]);
    }
    frame.set(ValueLayout.JAVA_INT, offset + 88, strides.length);
    frame.set(ValueLayout.JAVA_INT, offset + 92, dtype.code());
  }

  @Override
  public String toString() {
    return dtype + shape.toString();
  }
}
