package io.github.eqvae.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The published known answers, and the moments of what is made of the words. */
class PhiloxTest {
  /** Random123's kat_vectors, philox4x32 10. */
  @Test
  void givesTheKnownAnswers() {
    assertArrayEquals(
        new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, Philox.block(0, 0, 0));
    assertArrayEquals(
        new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, Philox.block(-1, -1, -1));
    // Counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0: pins the order of the
    // words.
    assertArrayEquals(
        new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
        Philox.block(0x299f31d0a4093822L, 0x85a308d3243f6a88L, 0x0370734413198a2eL));
  }

  @Test
  void uniformsStayInsideTheirRange() {
    assertEquals(0x1p-33, Philox.uniform(0));
    assertEquals(1 - 0x1p-33, Philox.uniform(-1));
    assertEquals(0f, Philox.uniformFloat(0));
    assertEquals(1 - 0x1p-24f, Philox.uniformFloat(-1));
  }

  /**
   * n = 200,000: each mean has standard error at most 1/√n = 0.0022 (variance: √2/√n); five of them
   * is the bound.
   */
  @Test
  void momentsAreRight() {
    int n = 200_000;
    double sum = 0;
    double squares = 0;
    double uniforms = 0;
    for (int i = 0; i < n; i++) {
      int[] words = Philox.block(7, i, 1);
      double normal = Philox.normal(words[0], words[1]);
      sum += normal;
      squares += normal * normal;
      uniforms += Philox.uniform(words[2]);
    }
    double bound = 5 / Math.sqrt(n);
    assertTrue(Math.abs(sum / n) <= bound, "mean " + sum / n);
    assertTrue(Math.abs(squares / n - 1) <= bound * Math.sqrt(2), "variance " + squares / n);
    assertTrue(Math.abs(uniforms / n - 0.5) <= bound, "uniform mean " + uniforms / n);
  }
}
