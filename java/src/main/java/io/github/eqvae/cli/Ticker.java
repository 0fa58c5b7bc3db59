package io.github.eqvae.cli;

import java.io.PrintWriter;
import java.util.Locale;

/** Says every few seconds how many images are done, and how fast. */
final class Ticker {
  private static final long EVERY_NANOS = 5_000_000_000L;

  private final PrintWriter err;
  private final String what;
  private final long total;
  private final long start = System.nanoTime();
  private final long first;
  private long last = start;

  /**
   * Begins to count.
   *
   * @param total 0 if it is not known
   * @param first images that were there before
   */
  Ticker(PrintWriter err, String what, long total, long first) {
    this.err = err;
    this.what = what;
    this.total = total;
    this.first = first;
  }

  void at(long images) {
    long now = System.nanoTime();
    if (now - last < EVERY_NANOS) {
      return;
    }
    last = now;
    double rate = (images - first) / ((now - start) * 1e-9);
    String of = total > 0 ? String.format(Locale.ROOT, " of %,d", total) : "";
    String left =
        total > images && rate > 0
            ? String.format(Locale.ROOT, ", %s left", duration((total - images) / rate))
            : "";
    err.printf(Locale.ROOT, "eqvae: %s %,d%s images, %.1f/s%s%n", what, images, of, rate, left);
    err.flush();
  }

  private static String duration(double seconds) {
    long s = Math.round(seconds);
    return s < 3600
        ? String.format(Locale.ROOT, "%d:%02d min", s / 60, s % 60)
        : String.format(Locale.ROOT, "%d:%02d h", s / 3600, s / 60 % 60);
  }
}
