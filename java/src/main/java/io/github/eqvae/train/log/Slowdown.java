package io.github.eqvae.train.log;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Optional;

/**
 * Decides from a run's measurements why it is slow: other programs use the processors, or the rate
 * has collapsed. It only computes; {@code train.run} measures.
 */
public final class Slowdown {
  /** Other programs are reported if they take at least this share of the time of all processors, */
  private static final double OTHERS = 0.2;

  /** and if this process gets less than this share of what it could use. */
  private static final double STARVED = 0.75;

  /** A rate below this share of the usual one is a collapse. */
  private static final double COLLAPSE = 0.5;

  private static final String TRAINING =
      "End them, or go on later: Ctrl-C saves, --resume goes on; or leave them processors: --resume"
          + " with --set run.threads=N";

  private static final int REMEMBERED = 12;
  private static final int NEEDED = 4;

  private final Deque<Double> rates = new ArrayDeque<>();
  private int slow;

  /** Starts without any known rate. */
  public Slowdown() {}

  /**
   * What was measured in an interval of some seconds.
   *
   * @param wall its length in seconds
   * @param own seconds that processors computed for this process
   * @param usable processors that this process would use by itself
   * @param others share of all processors' time that others took, in [0, 1]; NaN if unknown
   * @param rate images per second
   */
  public record Interval(double wall, double own, double usable, double others, double rate) {}

  /**
   * What slows a run down.
   *
   * @param word for the progress line
   * @param sentence what it is and what to do
   */
  public record Cause(String word, String sentence) {}

  /**
   * Judges an interval.
   *
   * @param i what was measured
   * @return the cause; empty if the run is not slow
   */
  public Optional<Cause> judge(Interval i) {
    double usual = median();
    boolean known = rates.size() >= NEEDED;
    boolean collapsed = known && i.rate() < COLLAPSE * usual;
    slow = collapsed ? slow + 1 : 0;
    Optional<Cause> busy = busy(i, TRAINING);
    if (busy.isPresent()) {
      return busy;
    }
    if (!collapsed) { // a rate with a known cause does not count as usual
      rates.addLast(i.rate());
      if (rates.size() > REMEMBERED) {
        rates.removeFirst();
      }
    }
    if (slow >= 2) { // a single one may be a validation, or a cache being filled
      return Optional.of(
          new Cause(
              "slower than before",
              String.format(
                  Locale.ROOT,
                  "%.1f images/s, where %.1f were usual, and no other program takes the"
                      + " processors: is the disk or network of data.path slow"
                      + " (data.cache_megabytes keeps pictures in memory), or the processor"
                      + " throttled by heat or a quota?",
                  i.rate(),
                  usual)));
    }
    return Optional.empty();
  }

  /**
   * Judges by an interval alone whether other programs take the processors.
   *
   * @param i what was measured
   * @param advice what can be done, as words after a full stop
   * @return the cause; empty if they do not
   */
  public static Optional<Cause> busy(Interval i, String advice) {
    double got = i.own() / (i.wall() * i.usable());
    if (!(i.others() > OTHERS && got < STARVED)) {
      return Optional.empty();
    }
    String sentence =
        String.format(
            Locale.ROOT,
            "other programs take %.0f %% of this machine's processors, and this one gets %.0f %% of"
                + " what it could use, so it takes longer; its results are the same. ",
            100 * i.others(),
            100 * got);
    return Optional.of(new Cause("busy machine", sentence + advice));
  }

  private double median() {
    double[] sorted = rates.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    return sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
  }
}
