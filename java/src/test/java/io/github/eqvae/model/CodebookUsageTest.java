package io.github.eqvae.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import org.junit.jupiter.api.Test;

class CodebookUsageTest {
  @Test
  void evenUseHasThePerplexityOfItsCodes() {
    CodebookUsage usage = new CodebookUsage(10);
    usage.add(7, 2);
    usage.add(2, 7, 3, 3, 0, 0);
    assertEquals(4, usage.used());
    assertEquals(10, usage.codes());
    assertEquals(4, usage.perplexity(), 1e-12);
  }

  /** ¾ and ¼: 2^(2 − ¾·log₂ 3). */
  @Test
  void unevenUseHasLess() {
    CodebookUsage usage = new CodebookUsage(2);
    usage.add(1, 1, 0, 1);
    assertEquals(4 / Math.pow(3, 0.75), usage.perplexity(), 1e-12);
  }

  @Test
  void oneCodeHasOneAndNoVectorNone() {
    CodebookUsage usage = new CodebookUsage(3);
    assertTrue(Double.isNaN(usage.perplexity()));
    assertEquals(0, usage.used());
    usage.add(1, 1, 1);
    assertEquals(1, usage.perplexity());
  }

  @Test
  void anIndexBeyondTheCodebookIsRefused() {
    CodebookUsage usage = new CodebookUsage(3);
    assertThrows(EqvaeException.Argument.class, () -> usage.add(3));
    assertThrows(EqvaeException.Argument.class, () -> usage.add(-1));
  }
}
