package io.github.eqvae.train.log;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Shows how a run gets on: a bar on a terminal, one line every so many steps elsewhere.
 *
 * <p>Both show step, loss, images per second and the time left. The rate is that of the last
 * interval, so that it reacts to what the machine does now. Not thread-safe.
 */
public final class Progress implements AutoCloseable {
  private final String task;
  private final long total;
  private final long linesEvery;
  private final PrintStream out;
  private final LongSupplier nanos;
  private final ProgressBar bar;
  private long stepsAfter;
  private long step;
  private long images;
  private long windowStart;
  private long windowStep;
  private double imagesPerSecond = Double.NaN;
  private double stepsPerSecond = Double.NaN;

  /**
   * Begins to show progress on standard error: as a bar if that is a terminal, as lines if not.
   *
   * @param task a short name, such as {@code training}
   * @param total the step at which the run ends
   * @param start the step it begins at: 0, or that of the checkpoint it resumed from
   * @param linesEvery steps between two lines where there is no terminal, at least 1
   * @return the progress, to be closed at the end
   */
  public static Progress start(String task, long total, long start, long linesEvery) {
    return new Progress(
        task, total, start, linesEvery, System.err, errorIsTerminal(), System::nanoTime);
  }

  /**
   * Says that other runs of such steps follow: the time that the whole will take is shown, too.
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
      boolean terminal,
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
    this.bar = terminal ? bar(start) : null;
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
    if (bar == null ? lineDue : elapsed >= 500_000_000L || done == total) {
      closeWindow(elapsed);
    }
    if (bar != null) {
      bar.setExtraMessage(
          String.format(Locale.ROOT, " loss %.5g, %s%s", loss, rate(), wholeLeft()));
      bar.stepTo(done);
    } else if (lineDue) {
      out.printf(
          Locale.ROOT,
          "%s %d/%d loss %.5g, %s, %s left%s%n",
          task,
          done,
          total,
          loss,
          rate(),
          timeLeft(total - step),
          wholeLeft());
    }
  }

  /** Ends the bar, so that what is printed next starts on a line of its own. */
  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      out.println();
    }
  }

  /** The library ends the line of a bar only if it lived long enough, so {@link #close} does it. */
  private static final class OpenEndedConsumer extends ConsoleProgressBarConsumer {
    OpenEndedConsumer(PrintStream out, int width) {
      super(out, width);
    }

    @Override
    public void close() {}
  }

  private void closeWindow(long elapsed) {
    double seconds = Math.max(elapsed, 1) / 1e9;
    imagesPerSecond = images / seconds;
    stepsPerSecond = (step - windowStep) / seconds;
    images = 0;
    windowStep = step;
    windowStart = nanos.getAsLong();
  }

  private String rate() {
    return Double.isNaN(imagesPerSecond)
        ? "- images/s"
        : String.format(Locale.ROOT, "%.1f images/s", imagesPerSecond);
  }

  private String wholeLeft() {
    return stepsAfter == 0 || Double.isNaN(stepsPerSecond)
        ? ""
        : ", " + timeLeft(total - step + stepsAfter) + " of the whole";
  }

  private String timeLeft(long steps) {
    Duration left = Duration.ofSeconds(Math.round(steps / stepsPerSecond));
    return String.format(
        Locale.ROOT, "%d:%02d:%02d", left.toHours(), left.toMinutesPart(), left.toSecondsPart());
  }

  private ProgressBar bar(long start) {
    return new ProgressBarBuilder()
        .setTaskName(task)
        .setInitialMax(total)
        .startsFrom(start, Duration.ZERO)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(200)
        // A width of our own: asking the library for it would start a native terminal helper.
        .setConsumer(new OpenEndedConsumer(out, width(System.getenv())))
        .build();
  }

  /** The columns to draw in: what the shell says, else what nearly every terminal has. */
  static int width(Map<String, String> environment) {
    String columns = environment.getOrDefault("COLUMNS", "");
    return columns.matches("[1-9][0-9]{1,3}") ? Integer.parseInt(columns) - 1 : 99;
  }

  private static boolean errorIsTerminal() {
    if ("dumb".equals(System.getenv("TERM"))) {
      return false;
    }
    // Java only knows about standard input and output; Linux tells where standard error goes.
    Path target = Path.of("/proc/self/fd/2");
    if (Files.isSymbolicLink(target)) {
      try {
        String file = Files.readSymbolicLink(target).toString();
        return file.startsWith("/dev/pts/") || file.startsWith("/dev/tty");
      } catch (IOException e) {
        return false; // Unknown: lines are readable anywhere, a bar is not.
      }
    }
    return System.console() != null && System.console().isTerminal();
  }
}
