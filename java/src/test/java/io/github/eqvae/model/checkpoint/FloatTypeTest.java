package io.github.eqvae.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Conversion of numbers: nearest, ties to even, overflow counted. */
class FloatTypeTest {
  private static int converted(FloatType type, float value) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[2]);
    type.set(bytes, 0, value);
    return bytes.get(ValueLayout.JAVA_SHORT_UNALIGNED, 0) & 0xffff;
  }

  private static float back(FloatType type, int bits) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[] {(byte) bits, (byte) (bits >> 8)});
    return type.get(bytes, 0);
  }

  /** Between two neighbours the nearer one is taken, and the even one from the middle. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void everyPairOfNeighboursIsRoundedToNearestEven(FloatType type) {
    int checked = 0;
    for (int bits = 0; bits < 0x8000; bits++) {
      float low = back(type, bits);
      float high = back(type, bits + 1);
      if (!Float.isFinite(low) || !Float.isFinite(high)) {
        continue;
      }
      assertEquals(bits, converted(type, low));
      assertEquals(bits | 0x8000, converted(type, -low));
      double middle = BigDecimal.valueOf(low).add(BigDecimal.valueOf(high)).doubleValue() / 2;
      float tie = (float) middle;
      if (tie == middle && tie > low && tie < high) {
        assertEquals(bits + (bits & 1), converted(type, tie), "at " + tie);
        assertEquals(bits, converted(type, Math.nextDown(tie)), "below " + tie);
        assertEquals(bits + 1, converted(type, Math.nextUp(tie)), "above " + tie);
        checked++;
      }
    }
    assertTrue(checked > 30_000, "only " + checked + " ties");
  }

  @ParameterizedTest
  @CsvSource({
    "F16, 65519.99, false", // rounds to the largest, 65504
    "F16, 65520, true",
    "F16, -1e30, true",
    "BF16, 3.3895314e38, false",
    "BF16, 3.4e38, true",
    "F32, 3.4e38, false"
  })
  void overflowIsTold(FloatType type, float value, boolean overflows) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[type.width()]);
    assertEquals(overflows, type.set(bytes, 0, value));
    assertEquals(overflows, Float.isInfinite(type.get(bytes, 0)));
    assertFalse(type.set(bytes, 0, Float.POSITIVE_INFINITY), "it was infinite before");
  }

  /** Also one whose payload lies in the half that is cut off. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void notANumberStaysOne(FloatType type) {
    for (int bits : new int[] {0x7fc00000, 0x7f800001, 0xffffffff, 0x7fffffff}) {
      assertTrue(Float.isNaN(back(type, converted(type, Float.intBitsToFloat(bits)))));
    }
  }

  @Test
  void equalTypesKeepTheirBits() {
    byte[] nan = {1, 0, (byte) 0x80, 0x7f, 0, 0, (byte) 0xc0, (byte) 0xff};
    byte[] copy = new byte[8];
    assertEquals(
        0,
        FloatType.F32.convert(
            MemorySegment.ofArray(nan), FloatType.F32, MemorySegment.ofArray(copy)));
    assertEquals(-1, MemorySegment.ofArray(nan).mismatch(MemorySegment.ofArray(copy)));
  }
}
