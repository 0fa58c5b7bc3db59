package io.github.eqvae.io.torch;

import io.github.eqvae.EqvaeException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A tensor: a view of a storage, which other tensors may share. One that was read from a file can
 * be used until the file is closed. Two tensors are equal only if they are the same object.
 */
public final class TorchTensor implements TorchValue {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The longest array that every virtual machine can make. */
  private static final long MAX_ARRAY = Integer.MAX_VALUE - 8;

  private final TorchDtype dtype;
  private final TensorView view;
  private final Storage storage;

  TorchTensor(TorchDtype dtype, TensorView view, Storage storage) {
    this.dtype = dtype;
    this.view = view;
    this.storage = storage;
  }

  /**
   * A tensor in memory, to be written.
   *
   * @param dtype the element type
   * @param shape the dimensions, outermost first; empty for a scalar
   * @param bytes the elements, row-major, little-endian; not copied
   * @return the tensor
   * @throws EqvaeException.Argument if the number of bytes does not match the shape
   */
  public static TorchTensor of(TorchDtype dtype, long[] shape, MemorySegment bytes) {
    TensorView view;
    long expected;
    try {
      view = TensorView.contiguous(shape);
      expected = Math.multiplyExact(view.elements(), dtype.width());
    } catch (ArithmeticException | IllegalArgumentException e) {
      throw new EqvaeException.Argument(
          "a tensor cannot have the shape " + Arrays.toString(shape) + ": " + e.getMessage());
    }
    if (expected != bytes.byteSize()) {
      throw new EqvaeException.Argument(
          "a tensor "
              + dtype.torchName()
              + Arrays.toString(shape)
              + " has "
              + bytes.byteSize()
              + " bytes, expected "
              + expected);
    }
    return new TorchTensor(dtype, view, Storage.of(dtype, bytes.asReadOnly()));
  }

  /**
   * A float32 tensor in memory, to be written.
   *
   * @param values the elements, row-major; copied
   * @param shape the dimensions
   * @return the tensor
   * @throws EqvaeException.Argument if the number of elements does not match the shape
   */
  public static TorchTensor of(float[] values, long... shape) {
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.multiplyExact(4, values.length)).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return of(TorchDtype.FLOAT32, shape, MemorySegment.ofBuffer(bytes));
  }

  /**
   * The element type.
   *
   * @return the type
   */
  public TorchDtype dtype() {
    return dtype;
  }

  /**
   * The dimensions.
   *
   * @return a copy, outermost first; empty for a scalar
   */
  public long[] shape() {
    return view.shape().clone();
  }

  /**
   * The strides: elements of the storage between neighbours along each dimension.
   *
   * @return a copy, one per dimension
   */
  public long[] strides() {
    return view.strides().clone();
  }

  /**
   * The position of the first element in the storage.
   *
   * @return counted in elements
   */
  public long storageOffset() {
    return view.offset();
  }

  /**
   * The whole storage; the tensor may be a part of it.
   *
   * @return its bytes, little-endian, read-only; those of a file are not necessarily aligned
   */
  public MemorySegment storage() {
    return storage.data();
  }

  /**
   * The number of elements.
   *
   * @return the product of the dimensions
   */
  public long elements() {
    return view.elements();
  }

  /**
   * Whether the elements are contiguous in the storage, row-major.
   *
   * @return true if they do
   */
  public boolean isContiguous() {
    return view.isContiguous();
  }

  /**
   * The elements, row-major and little-endian: a view of the storage if they are contiguous there,
   * else a copy.
   *
   * @return read-only
   * @throws EqvaeException.Argument if a copy would be needed and is too large for an array
   */
  public MemorySegment bytes() {
    long total = elements() * dtype.width();
    if (total == 0) {
      return MemorySegment.ofArray(new byte[0]);
    }
    if (isContiguous()) {
      return storage.data().asSlice(view.offset() * dtype.width(), total);
    }
    byte[] packed = new byte[array(total, "bytes")];
    view.gather(storage.data(), dtype.width(), packed);
    return MemorySegment.ofArray(packed).asReadOnly();
  }

  /**
   * The elements as floats: exact for float32, float16 and bfloat16, rounded to nearest for
   * float64.
   *
   * @return the elements, row-major
   * @throws EqvaeException.Argument if the type is another, or there are too many for an array
   */
  public float[] floats() {
    switch (dtype) {
      case FLOAT16, BFLOAT16, FLOAT32, FLOAT64 -> {}
      default -> throw unfit("a floating-point type of 16 to 64 bits", "longs() or bytes()");
    }
    float[] values = new float[array(elements(), "elements")];
    MemorySegment bytes = bytes();
    if (dtype == TorchDtype.FLOAT32) {
      MemorySegment.copy(bytes, FLOAT, 0, values, 0, values.length);
      return values;
    }
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (dtype) {
            case FLOAT16 -> Float.float16ToFloat(bytes.get(SHORT, 2L * i));
            case BFLOAT16 -> Float.intBitsToFloat(bytes.get(SHORT, 2L * i) << 16);
            default -> (float) bytes.get(DOUBLE, 8L * i);
          };
    }
    return values;
  }

  /**
   * The elements as integers.
   *
   * @return the elements, row-major; for bool 0 or 1; uint64 from 2<sup>63</sup> on is negative
   * @throws EqvaeException.Argument if the type is neither of integers nor bool, or there are too
   *     many for an array
   */
  public long[] longs() {
    switch (dtype) {
      case INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, BOOL -> {}
      default -> throw unfit("an integer type or bool", "floats() or bytes()");
    }
    long[] values = new long[array(elements(), "elements")];
    MemorySegment bytes = bytes();
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (dtype) {
            case INT8 -> bytes.get(ValueLayout.JAVA_BYTE, i);
            case UINT8 -> bytes.get(ValueLayout.JAVA_BYTE, i) & 0xff;
            case BOOL -> bytes.get(ValueLayout.JAVA_BYTE, i) == 0 ? 0 : 1;
            case INT16 -> bytes.get(SHORT, 2L * i);
            case UINT16 -> bytes.get(SHORT, 2L * i) & 0xffff;
            case INT32 -> bytes.get(INT, 4L * i);
            case UINT32 -> bytes.get(INT, 4L * i) & 0xffffffffL;
            default -> bytes.get(LONG, 8L * i);
          };
    }
    return values;
  }

  /** Type and shape. */
  @Override
  public String toString() {
    return dtype.torchName() + Arrays.toString(view.shape());
  }

  private EqvaeException.Argument unfit(String expected, String instead) {
    return new EqvaeException.Argument(
        "the tensor is " + this + ", expected " + expected + "; read it with " + instead);
  }

  private int array(long length, String what) {
    if (length > MAX_ARRAY) {
      throw new EqvaeException.Argument(
          "the tensor "
              + this
              + " has "
              + length
              + " "
              + what
              + ", too many for an array; read its storage()");
    }
    return (int) length;
  }
}
