package io.github.eqvae.train.log;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Reports how many images are done, and how fast. On a terminal it overwrites one line; elsewhere
 * it prints a line from time to time, less often the longer it takes.
 */
public final class Counter {
  private static final long ON_TERMINAL_NANOS = 500_000_000L;
  private static final long FIRST_NANOS = 5_000_000_000L;
  private static final long LONGEST_NANOS = 60_000_000_000L;

  private final PrintWriter err;
  private final String what;
  private final long total;
  private final long first;
  private final @Nullable StatusLine line;
  private final LongSupplier nanos;
  private final long start;
  private long last;
  private long every;

  /**
   * Starts a counter.
   *
   * @param err where lines go
   * @param what a word for the work, such as {@code encoded}
   * @param total 0 if it is not known
   * @param first images that were done before
   */
  public Counter(PrintWriter err, String what, long total, long first) {
    this(err, what, total, first, StatusLine.installed(), System::nanoTime);
  }

  Counter(
      PrintWriter err,
      String what,
      long total,
      long first,
      @Nullable StatusLine line,
      LongSupplier nanos) {
    this.err = err;
    this.what = what;
    this.total = total;
    this.first = first;
    this.line = line;
    this.nanos = nanos;
    start = nanos.getAsLong();
    last = start;
    every = line == null ? FIRST_NANOS : ON_TERMINAL_NANOS;
  }

  /**
   * Reports images.
   *
   * @param images done so far, those done before included
   */
  public void at(long images) {
    long now = nanos.getAsLong();
    if (now - last < every) {
      return;
    }
    last = now;
    double rate = (images - first) / ((now - start) * 1e-9);
    String of = total > 0 ? String.format(Locale.ROOT, " of %,d", total) : "";
    String left =
        total > images && rate > 0 ? ", " + TimeText.of((total - images) / rate) + " left" : "";
    String text =
        String.format(
            Locale.ROOT, "%s %,d%s images, %.1f images/s%s", what, images, of, rate, left);
    if (line == null) {
      err.println("eqvae: " + text);
      err.flush();
      every = Math.min(LONGEST_NANOS, 2 * every);
    } else {
      line.show(text);
    }
  }
}
