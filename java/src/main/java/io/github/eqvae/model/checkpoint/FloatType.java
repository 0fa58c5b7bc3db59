package io.github.eqvae.model.checkpoint;

import io.github.eqvae.io.torch.TorchDtype;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;

/** Floating-point types of weights in checkpoints, with PyTorch's conversion. */
public enum FloatType {
  /** IEEE half precision: 11 bits of precision, nothing above 65504. */
  F16(2, TorchDtype.FLOAT16),
  /** The upper half of a float: 8 bits of precision, the range of a float. */
  BF16(2, TorchDtype.BFLOAT16),
  /** IEEE single precision. */
  F32(4, TorchDtype.FLOAT32),
  /** IEEE double precision. */
  F64(8, TorchDtype.FLOAT64);

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int BF16_MANTISSA = 0x7f;
  private static final int QUIET = 0x40;

  private final int width;
  private final TorchDtype torch;

  FloatType(int width, TorchDtype torch) {
    this.width = width;
    this.torch = torch;
  }

  /**
   * The size of one number.
   *
   * @return in bytes
   */
  public int width() {
    return width;
  }

  /**
   * PyTorch's type.
   *
   * @return the type
   */
  public TorchDtype torch() {
    return torch;
  }

  /**
   * The type of that name in safetensors.
   *
   * @param name such as {@code BF16}
   * @return the type, if it is one of these
   */
  public static Optional<FloatType> of(String name) {
    return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
  }

  /**
   * Advice for numbers of another type, for messages.
   *
   * @param name of the type
   * @return a clause that continues the message
   */
  public static String advice(String name) {
    String expected = ", expected " + Arrays.toString(values());
    String low = name.toLowerCase(java.util.Locale.ROOT);
    if (low.contains("f8_") || low.startsWith("float8") || low.contains("f4")) {
      return expected + ": 8-bit floats mean nothing without their scales";
    }
    return low.contains("quantized")
        ? expected + ": save it dequantized, tensor.dequantize()"
        : low.contains("sparse") ? expected + ": save it dense, tensor.to_dense()" : expected;
  }

  /**
   * Reads a number; a double is first rounded to a float, as in PyTorch's conversion to 16 bits.
   */
  float get(MemorySegment bytes, long index) {
    long at = index * width;
    return switch (this) {
      case F16 -> Float.float16ToFloat(bytes.get(SHORT, at));
      case BF16 -> Float.intBitsToFloat(bytes.get(SHORT, at) << 16);
      case F32 -> bytes.get(FLOAT, at);
      case F64 -> (float) bytes.get(DOUBLE, at);
    };
  }

  /**
   * How many of the numbers are NaN or infinite.
   *
   * @param bytes numbers of this type
   * @return the count
   */
  public long notFinite(MemorySegment bytes) {
    long found = 0;
    long count = bytes.byteSize() / width;
    for (long i = 0; i < count; i++) {
      // a double that is too large for a float counts, because it becomes infinite
      found += Float.isFinite(get(bytes, i)) ? 0 : 1;
    }
    return found;
  }

  /**
   * Writes a number, rounded to nearest, ties to even.
   *
   * @return whether a finite number became infinite
   */
  boolean set(MemorySegment bytes, long index, float value) {
    long at = index * width;
    switch (this) {
      case F16 -> {
        short half = Float.floatToFloat16(value);
        bytes.set(SHORT, at, half);
        return Float.isFinite(value) && Float.isInfinite(Float.float16ToFloat(half));
      }
      case BF16 -> {
        short upper = toBfloat16(value);
        bytes.set(SHORT, at, upper);
        return Float.isFinite(value) && Float.isInfinite(Float.intBitsToFloat(upper << 16));
      }
      case F32 -> bytes.set(FLOAT, at, value);
      case F64 -> bytes.set(DOUBLE, at, value);
    }
    return false;
  }

  private static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      // rounding could turn a NaN into an infinity
      int upper = bits >>> 16;
      return (short) ((upper & BF16_MANTISSA) == 0 ? upper | QUIET : upper);
    }
    int even = (bits >>> 16) & 1;
    return (short) ((bits + 0x7fff + even) >>> 16);
  }

  /**
   * Converts numbers.
   *
   * @param from the numbers
   * @param source their type
   * @param into space for as many numbers of this type
   * @return how many finite numbers became infinite
   */
  public long convert(MemorySegment from, FloatType source, MemorySegment into) {
    if (source == this) {
      MemorySegment.copy(from, 0, into, 0, from.byteSize());
      return 0;
    }
    long overflows = 0;
    long count = from.byteSize() / source.width;
    for (long i = 0; i < count; i++) {
      overflows += set(into, i, source.get(from, i)) ? 1 : 0;
    }
    return overflows;
  }
}
