package io.github.eqvae.train.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.train.log.Slowdown.Interval;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SlowdownTest {
  private final Slowdown slowdown = new Slowdown();

  private String word(double own, double others, double rate) {
    return slowdown
        .judge(new Interval(10, own, 2, others, rate))
        .map(Slowdown.Cause::word)
        .orElse("");
  }

  @Test
  void aQuietMachineIsNotMentioned() {
    for (int i = 0; i < 20; i++) {
      assertEquals("", word(19, 0.02, 64 + i % 3));
    }
  }

  @Test
  void othersThatTakeTheProcessorsAreNamedFromTheFirstIntervalOn() {
    Interval busy = new Interval(10, 8, 2, 0.6, 20);
    Slowdown.Cause cause = slowdown.judge(busy).orElseThrow();
    assertEquals("busy machine", cause.word());
    assertTrue(
        cause.sentence().contains("take 60 % of this machine's processors"), cause.sentence());
    assertTrue(cause.sentence().contains("gets 40 % of what it could use"), cause.sentence());
    assertTrue(cause.sentence().contains("--set run.threads=N"), cause.sentence());
    assertEquals("", word(19, 0.05, 64));
    assertEquals("busy machine", word(8, 0.6, 20));
  }

  /** A machine with many processors, of which this process has two: others do no harm. */
  @Test
  void othersThatTakeNothingAwayDoNotMatter() {
    assertEquals("", word(19.5, 0.9, 64));
    assertEquals("", word(5, 0.1, 64)); // waits for something else, at its usual rate
    assertEquals("", word(5, Double.NaN, 64)); // unknown: no guess
  }

  @Test
  void aCollapseWithoutOthersIsSaid() {
    for (int i = 0; i < 4; i++) {
      assertEquals("", word(19, 0.02, 64));
    }
    assertEquals("", word(6, 0.02, 20), "once may be a validation");
    Optional<Slowdown.Cause> cause = slowdown.judge(new Interval(10, 6, 2, 0.02, 20));
    assertEquals("slower than before", cause.orElseThrow().word());
    assertTrue(cause.get().sentence().startsWith("20.0 images/s, where 64.0"), cause.toString());
    for (int i = 0; i < 20; i++) {
      assertEquals("slower than before", word(6, 0.02, 20), "it does not become the usual");
    }
    assertEquals("", word(19, 0.02, 60));
  }
}
