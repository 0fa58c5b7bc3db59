package io.github.eqvae.io.torch;

import org.jspecify.annotations.Nullable;

/** Element types of PyTorch tensors. */
public enum TorchDtype {
  /** IEEE half precision. */
  FLOAT16("float16", 2, "HalfStorage"),
  /** The upper half of a float32. */
  BFLOAT16("bfloat16", 2, "BFloat16Storage"),
  /** IEEE single precision. */
  FLOAT32("float32", 4, "FloatStorage"),
  /** IEEE double precision. */
  FLOAT64("float64", 8, "DoubleStorage"),
  /** Signed, 8 bits. */
  INT8("int8", 1, "CharStorage"),
  /** Signed, 16 bits. */
  INT16("int16", 2, "ShortStorage"),
  /** Signed, 32 bits. */
  INT32("int32", 4, "IntStorage"),
  /** Signed, 64 bits. */
  INT64("int64", 8, "LongStorage"),
  /** Unsigned, 8 bits. */
  UINT8("uint8", 1, "ByteStorage"),
  /** One byte, zero or not. */
  BOOL("bool", 1, "BoolStorage"),
  /** Two float32: real, imaginary. */
  COMPLEX64("complex64", 8, "ComplexFloatStorage"),
  /** Two float64: real, imaginary. */
  COMPLEX128("complex128", 16, "ComplexDoubleStorage"),
  /** Unsigned, 16 bits. */
  UINT16("uint16", 2, null),
  /** Unsigned, 32 bits. */
  UINT32("uint32", 4, null),
  /** Unsigned, 64 bits. */
  UINT64("uint64", 8, null),
  /** 8 bits: 4 of exponent, 3 of mantissa, no infinities. */
  FLOAT8_E4M3FN("float8_e4m3fn", 1, null),
  /** 8 bits: 5 of exponent, 2 of mantissa. */
  FLOAT8_E5M2("float8_e5m2", 1, null),
  /** 8 bits: 4 of exponent, 3 of mantissa, no infinities, no negative zero. */
  FLOAT8_E4M3FNUZ("float8_e4m3fnuz", 1, null),
  /** 8 bits: 5 of exponent, 2 of mantissa, no infinities, no negative zero. */
  FLOAT8_E5M2FNUZ("float8_e5m2fnuz", 1, null),
  /** 8 bits of exponent alone: the scales of blocks. */
  FLOAT8_E8M0FNU("float8_e8m0fnu", 1, null),
  /** Two numbers of 4 bits in a byte: 2 of exponent, 1 of mantissa each. */
  FLOAT4_E2M1FN_X2("float4_e2m1fn_x2", 1, null),
  /** Two float16: real, imaginary. */
  COMPLEX32("complex32", 4, null);

  private final String torchName;
  private final int width;
  private final @Nullable String storage;

  TorchDtype(String torchName, int width, @Nullable String storage) {
    this.torchName = torchName;
    this.width = width;
    this.storage = storage;
  }

  /**
   * PyTorch's name of the type.
   *
   * @return such as {@code float32}
   */
  public String torchName() {
    return torchName;
  }

  /**
   * The size of one element.
   *
   * @return in bytes
   */
  public int width() {
    return width;
  }

  /** The storage class in module {@code torch}; null for types that came after those classes. */
  @Nullable String storage() {
    return storage;
  }
}
