package io.github.eqvae.train.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.cli.Main;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private long now;
  private int columns = 100;

  private Progress progress(long total, long start, long every, boolean terminal) {
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    StatusLine line =
        terminal ? new StatusLine(bytes, StandardCharsets.UTF_8, () -> columns) : null;
    return new Progress("training", total, start, every, out, line, () -> now);
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
      assertTrue(text().contains("0:00:45 left, 0:02:25 in all"), text());
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
    for (String part : List.of("training", "[====", "4/4", "loss 0.12500", "50.0 images/s")) {
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

  /** What is drawn with the line left where it is: the last text after a carriage return. */
  private String drawn() {
    return text().substring(text().lastIndexOf('\r') + 1).replace("\033[K", "");
  }

  /** A line that wraps cannot be written over, and floods the terminal. */
  @Test
  void theLineNeverWraps() {
    for (int width : new int[] {200, 100, 80, 60, 40, 10, 1}) {
      columns = width;
      bytes.reset();
      Progress progress = progress(100_000, 0, 10, true).followedBy(2_000_000);
      now += 600_000_000L;
      progress.condition("busy machine");
      progress.step(1234, 12345.678, 123_456);
      assertTrue(drawn().length() < Math.max(2, width), width + ": " + drawn());
      assertFalse(text().contains("\n"), text());
      if (width == 200) {
        assertTrue(drawn().contains(" loss 12346, busy machine, 205760.0 images/s, "), drawn());
      }
      assertEquals(width == 200, drawn().contains(" ["), width + ": " + drawn());
    }
  }

  /** At 80 columns the usual line has everything. */
  @Test
  void eightyColumnsSuffice() {
    columns = 80;
    Progress progress = progress(20_000, 0, 10, true);
    now += 1_000_000_000L;
    progress.step(3, 0.012345, 48);
    assertTrue(drawn().endsWith("loss 0.012345, 48.0 images/s, 1:51:06 left"), drawn());
    assertTrue(drawn().startsWith("training 3/20000 ["), drawn());
  }

  /** A slow machine is when the times matter: neither they nor the reason are cut. */
  @Test
  void eightyColumnsKeepTheTimesAndTheirReason() {
    columns = 80;
    for (String slow : List.of("busy machine", "slower than before")) {
      bytes.reset();
      now = 0;
      Progress progress = progress(20_000, 0, 10, true).followedBy(20_000);
      progress.condition(slow);
      now += 5_000_000_000L;
      progress.step(10_005, 0.012345, 48);
      String times = ", 0:00:05 left, 0:00:15 in all";
      assertTrue(drawn().endsWith(slow + times), drawn());
      assertFalse(drawn().contains("images/s"), drawn());
      assertEquals(slow.startsWith("busy"), drawn().contains("loss 0.012345"), drawn());
    }
  }

  /** --quiet on a terminal: the line holds the stream that standard error was. */
  @Test
  void aSilencedLineShowsNothing() {
    PrintStream out = System.out;
    PrintStream err = System.err;
    ByteArrayOutputStream results = new ByteArrayOutputStream();
    ByteArrayOutputStream lines = new ByteArrayOutputStream();
    StatusLine.install(new StatusLine(bytes, StandardCharsets.UTF_8, () -> 80));
    try {
      System.setOut(new PrintStream(results, true, StandardCharsets.UTF_8));
      System.setErr(new PrintStream(lines, true, StandardCharsets.UTF_8));
      assertEquals(0, Main.execute("recipes", "--quiet"));
      try (Progress progress = Progress.start("training", 1, 0, 1)) {
        progress.step(1, 1, 1);
      }
    } finally {
      System.setOut(out);
      System.setErr(err);
      StatusLine.silence();
    }
    assertEquals("", text());
    assertTrue(results.toString(StandardCharsets.UTF_8).contains("photos"), results.toString());
    assertTrue(lines.toString(StandardCharsets.UTF_8).startsWith("training 1/1"), lines.toString());
  }

  /** A message takes the line away and stands alone; the next update brings it back. */
  @Test
  void messagesDoNotStickToTheLine() {
    StatusLine line = new StatusLine(bytes, StandardCharsets.UTF_8, () -> 80);
    PrintStream err = line.above(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    line.show("one");
    err.print("eqvae: ");
    line.show("lost, for it would cut the message");
    err.println("note");
    line.show("two");
    line.finish();
    line.finish();
    String n = System.lineSeparator();
    String erase = "\r\033[K";
    assertEquals(erase + "one" + erase + "eqvae: note" + n + erase + "two" + n, text());
  }

  @Test
  void widthIsTheTerminals() {
    assertEquals(132, StatusLine.width(Map.of("COLUMNS", "120"), "40 132\n"));
    assertEquals(120, StatusLine.width(Map.of("COLUMNS", "120"), ""));
    for (String odd : List.of("", "0", "-5", "wide", "99999")) {
      assertEquals(80, StatusLine.width(Map.of("COLUMNS", odd), ""), odd);
    }
    assertEquals(80, StatusLine.width(Map.of(), "0 0"));
  }

  /** Elsewhere lines come now and then, less often the longer it takes. */
  @Test
  void countersSayLessTheLongerTheyTake() {
    java.io.StringWriter text = new java.io.StringWriter();
    Counter counter =
        new Counter(new java.io.PrintWriter(text), "encoded", 7200, 0, null, () -> now);
    for (int second = 1; second <= 3600; second++) {
      now += 1_000_000_000L;
      counter.at(second);
    }
    List<String> lines = text.toString().lines().toList();
    assertEquals("eqvae: encoded 5 of 7,200 images, 1.0 images/s, 1:59:55 left", lines.getFirst());
    assertTrue(lines.size() > 55 && lines.size() < 70, lines.size() + " lines in an hour");
  }

  @Test
  void timesLookTheSameEverywhere() {
    assertEquals("0:00:16", TimeText.of(15.6));
    assertEquals("1:40:05", TimeText.of(6005));
    assertEquals("123:00:00", TimeText.of(442_800));
    for (double odd : new double[] {Double.NaN, -1, Double.POSITIVE_INFINITY, 1e12}) {
      assertEquals("-", TimeText.of(odd));
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
