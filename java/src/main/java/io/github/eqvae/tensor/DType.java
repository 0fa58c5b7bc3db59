package io.github.eqvae.tensor;

/** Element types, numbered as in {@code eqv.h}. */
public enum DType {
  /** 32-bit IEEE float. */
  F32(0, 4),
  /** bfloat16. */
  BF16(1, 2),
  /** 16-bit IEEE float. */
  F16(2, 2),
  /** 64-bit IEEE float. */
  F64(3, 8),
  /** 32-bit signed integer. */
  I32(4, 4),
  /** 8-bit unsigned integer. */
  U8(5, 1),
  /** 64-bit signed integer. */
  I64(6, 8);

  private final int code;
  private final int bytes;

  DType(int code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  /**
   * The number {@code eqv.h} gives this type.
   *
   * @return the code
   */
  public int code() {
    return code;
  }

  /**
   * Size of one element.
   *
   * @return bytes
   */
  public int bytes() {
    return bytes;
  }

  /**
   * Whether elements are floating-point numbers.
   *
   * @return false for integers, which have no gradients
   */
  public boolean isFloating() {
    return this == F32 || this == BF16 || this == F16 || this == F64;
  }

  static DType of(int code) {
    for (DType type : values()) {
      if (type.code == code) {
        return type;
      }
    }
    throw new IllegalArgumentException("unknown dtype code " + code);
  }
}
