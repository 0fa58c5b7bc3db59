package io.github.eqvae.io;

import java.util.Arrays;
import java.util.Optional;

/**
 * The element types of the format, in its order of increasing alignment
 * (huggingface/safetensors:safetensors/src/tensor.rs).
 */
enum SafetensorsDtype {
  BOOL(8),
  F4(4),
  F6_E2M3(6),
  F6_E3M2(6),
  U8(8),
  I8(8),
  F8_E5M2(8),
  F8_E4M3(8),
  F8_E8M0(8),
  F8_E4M3FNUZ(8),
  F8_E5M2FNUZ(8),
  I16(16),
  U16(16),
  F16(16),
  BF16(16),
  I32(32),
  U32(32),
  F32(32),
  C64(64),
  F64(64),
  I64(64),
  U64(64);

  /** Bits of one element. */
  final int bits;

  SafetensorsDtype(int bits) {
    this.bits = bits;
  }

  static Optional<SafetensorsDtype> of(String name) {
    return Arrays.stream(values()).filter(dtype -> dtype.name().equals(name)).findFirst();
  }

  /**
   * Bytes of a tensor, with every multiplication checked.
   *
   * @throws ArithmeticException if elements or bits do not fit in 64 bits
   * @throws IllegalArgumentException if the elements do not fill whole bytes
   */
  long bytes(long[] shape) {
    long elements = 1;
    for (long dimension : shape) {
      elements = Math.multiplyExact(elements, dimension);
    }
    long total = Math.multiplyExact(elements, (long) bits);
    if (total % 8 != 0) {
      throw new IllegalArgumentException(
          elements + " elements of " + bits + " bits do not fill whole bytes");
    }
    return total / 8;
  }
}
