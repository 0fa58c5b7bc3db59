package io.github.eqvae.train.log;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Shows the progress of a run. On a terminal it overwrites one line ({@link StatusLine}); elsewhere
 * it prints a line every so many steps.
 *
 * <p>Both show step, loss, images per second and the time left. On a narrow terminal the rate is
 * left out first, then the loss. The rate is that of the last interval, so that it reacts to what
 * the machine does now. Not thread-safe.
 */
public final class Progress implements AutoCloseable {
  private static final int LEAST_BAR = 6;
  private static final int MOST_BAR = 40;

  private final String task;
  private final long total;
  private final long linesEvery;
  private final PrintStream out;
  private final LongSupplier nanos;
  private final @Nullable StatusLine line;
  private long stepsAfter;
  private long step;
  private long images;
  private long windowStart;
  private long windowStep;
  private double imagesPerSecond = Double.NaN;
  private double stepsPerSecond = Double.NaN;
  private String condition = "";

  /**
   * Begins to show progress on standard error: on one line if that is a terminal and {@link
   * StatusLine#install} was called, as lines if not.
   *
   * @param task a short name, such as {@code training}
   * @param total the step at which the run ends
   * @param start the step it begins at: 0, or that of the checkpoint it resumed from
   * @param linesEvery steps between two lines where there is no terminal, at least 1
   * @return the progress, to be closed at the end
   */
  public static Progress start(String task, long total, long start, long linesEvery) {
    return new Progress(
        task, total, start, linesEvery, System.err, StatusLine.installed(), System::nanoTime);
  }

  /**
   * Announces that other runs with such steps follow, so that the time left for all of them is
   * shown, too.
   *
   * @param steps their steps together
   * @return this
   */
  public Progress followedBy(long steps) {
    stepsAfter = steps;
    return this;
  }

  Progress(
      String task,
      long total,
      long start,
      long linesEvery,
      PrintStream out,
      @Nullable StatusLine line,
      LongSupplier nanos) {
    if (total < start || start < 0 || linesEvery < 1) {
      throw new IllegalArgumentException(
          "expected 0 <= start <= total and lines every 1 step or more; got start "
              + start
              + ", total "
              + total
              + ", every "
              + linesEvery);
    }
    this.task = task;
    this.total = total;
    this.linesEvery = linesEvery;
    this.out = out;
    this.nanos = nanos;
    this.step = start;
    this.windowStep = start;
    this.windowStart = nanos.getAsLong();
    this.line = line;
  }

  /**
   * Sets a short note about what slows the run down.
   *
   * @param words such as {@code busy machine}; empty for nothing
   */
  public void condition(String words) {
    condition = words;
  }

  /**
   * Reports that a step is done.
   *
   * @param done the number of steps done, in (the one before, {@code total}]
   * @param loss the loss of the step, as is (a NaN is shown as NaN)
   * @param imagesOfStep images the step has processed
   */
  public void step(long done, double loss, long imagesOfStep) {
    if (done <= step || done > total) {
      throw new IllegalArgumentException(
          "step " + done + " is not in (" + step + ", " + total + "]");
    }
    step = done;
    images += imagesOfStep;
    boolean lineDue = done % linesEvery == 0 || done == total;
    long elapsed = nanos.getAsLong() - windowStart;
    // On a terminal a new figure twice a second; in a log one per line.
    boolean due = line == null ? lineDue : elapsed >= 500_000_000L || done == total;
    if (!due) {
      return;
    }
    closeWindow(elapsed);
    String position = task + " " + done + "/" + total;
    String its = String.format(Locale.ROOT, " loss %.5g,", loss);
    String slow = condition.isEmpty() ? "" : " " + condition + ",";
    String rate = String.format(Locale.ROOT, " %.1f images/s,", imagesPerSecond);
    String times =
        " "
            + timeLeft(total - step)
            + " left"
            + (stepsAfter == 0 ? "" : ", " + timeLeft(total - step + stepsAfter) + " in all");
    if (line == null) {
      out.println(position + its + slow + rate + times);
      return;
    }
    // Optional parts are left out before a word is cut.
    int columns = line.columns() - position.length();
    String figures =
        Stream.of(its + slow + rate + times, its + slow + times, slow + times)
            .filter(text -> text.length() <= columns)
            .findFirst()
            .orElse(slow + times);
    line.show(position + bar(columns - figures.length()) + figures);
  }

  /** A bar for the columns that are left; empty if there are few. */
  private String bar(int columns) {
    int inside = Math.min(MOST_BAR, columns - 3); // a space and two brackets
    if (inside < LEAST_BAR) {
      return "";
    }
    int filled = (int) (inside * step / total);
    return " [" + "=".repeat(filled) + " ".repeat(inside - filled) + "]";
  }

  /** Ends the line, so that the next output starts on a new one. */
  @Override
  public void close() {
    if (line != null) {
      line.finish();
    }
  }

  private void closeWindow(long elapsed) {
    double seconds = Math.max(elapsed, 1) / 1e9;
    imagesPerSecond = images / seconds;
    stepsPerSecond = (step - windowStep) / seconds;
    images = 0;
    windowStep = step;
    windowStart = nanos.getAsLong();
  }

  private String timeLeft(long steps) {
    return TimeText.of(steps == 0 ? 0 : steps / stepsPerSecond);
  }
}
