package io.github.eqvae.train.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private long now;

  private Progress progress(long total, long start, long every, boolean terminal) {
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    return new Progress("training", total, start, every, out, terminal, () -> now);
  }

  private String text() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void linesEverySoManyStepsAndAtTheEnd() {
    try (Progress progress = progress(3605, 3600, 2, false)) {
      for (long step = 3601; step <= 3605; step++) {
        now += 500_000_000L; // two steps and 64 images per second
        progress.step(step, 1.0 / (step - 3600), 32);
      }
    }
    assertEquals(
        List.of(
            "training 3602/3605 loss 0.50000, 64.0 images/s, 0:00:02 left",
            "training 3604/3605 loss 0.25000, 64.0 images/s, 0:00:01 left",
            "training 3605/3605 loss 0.20000, 64.0 images/s, 0:00:00 left"),
        text().lines().toList());
  }

  @Test
  void theRateIsThatOfTheLastIntervalAndHoursAreShown() {
    try (Progress progress = progress(10_000, 0, 1, false)) {
      now += 1_000_000_000L;
      progress.step(1, Double.NaN, 10);
      now += 4_000_000_000L;
      progress.step(2, 1, 10);
    }
    assertEquals("training 1/10000 loss NaN, 10.0 images/s, 2:46:39 left", first());
    assertTrue(text().contains("2.5 images/s, 11:06:32 left"), text());
  }

  @Test
  void ofSeveralRunsTheTimeOfTheWholeIsShownToo() {
    for (boolean terminal : List.of(false, true)) {
      bytes.reset();
      try (Progress progress = progress(100, 0, 10, terminal).followedBy(200)) {
        now += 5_000_000_000L;
        progress.step(10, 1, 320);
      }
      assertTrue(text().contains("0:02:25 of the whole"), text());
    }
  }

  private String first() {
    return text().lines().findFirst().orElseThrow();
  }

  @Test
  void aTerminalGetsABar() {
    try (Progress progress = progress(4, 1, 1, true)) {
      for (long step = 2; step <= 4; step++) {
        now += 600_000_000L;
        progress.step(step, 0.125, 30);
      }
    }
    String last = text().substring(text().lastIndexOf('\r') + 1);
    for (String part : List.of("training", "100%", "4/4", "loss 0.12500", "50.0 images/s")) {
      assertTrue(last.contains(part), () -> "expected <" + part + "> in: " + last);
    }
    assertTrue(
        text().endsWith(System.lineSeparator()), () -> "does not end the line: <" + text() + ">");
  }

  @Test
  void logsHaveNoCarriageReturns() {
    try (Progress progress = progress(1, 0, 1, false)) {
      progress.step(1, 1, 1); // in no time at all: no division by zero either
    }
    assertFalse(text().contains("\r"));
    assertTrue(text().contains("0:00:00 left"), text());
  }

  @Test
  void widthFollowsTheShell() {
    assertEquals(119, Progress.width(Map.of("COLUMNS", "120")));
    for (String odd : List.of("", "0", "-5", "wide", "99999")) {
      assertEquals(99, Progress.width(Map.of("COLUMNS", odd)), odd);
    }
  }

  @Test
  void stepsMustAdvanceWithinTheRun() {
    try (Progress progress = progress(3, 1, 1, false)) {
      assertThrows(IllegalArgumentException.class, () -> progress.step(1, 1, 1));
      assertThrows(IllegalArgumentException.class, () -> progress.step(4, 1, 1));
    }
    assertThrows(IllegalArgumentException.class, () -> progress(1, 2, 1, false));
    assertThrows(IllegalArgumentException.class, () -> progress(1, 0, 0, false));
  }
}
