package io.github.eqvae.train.log;

import java.util.Locale;

/** Times as they are shown everywhere: hours, minutes and seconds, {@code 1:40:05}. */
public final class TimeText {
  private static final double MOST = 9_999 * 3600.0;

  private TimeText() {}

  /**
   * A time.
   *
   * @param seconds how long; not a number or beyond a year is shown as {@code -}
   * @return such as {@code 0:00:16}
   */
  public static String of(double seconds) {
    if (!(seconds >= 0) || seconds > MOST) {
      return "-";
    }
    long s = Math.round(seconds);
    return String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
  }
}
