package io.github.eqvae.ranks;

/**
 * Measures how much of the time of messages passed while the caller computed: what was over before
 * it waited.
 */
public final class Overlap {
  /**
   * Times so far.
   *
   * @param buckets how many travelled
   * @param early how many of them were sent from within the backward pass
   * @param bytes that this rank sent for them
   * @param seconds that they took, one after the other
   * @param hidden the part of it in which the caller did not wait
   */
  public record Times(long buckets, long early, long bytes, double seconds, double hidden) {
    /**
     * The same with another count of early buckets.
     *
     * @param count how many
     * @return the times
     */
    public Times withEarly(long count) {
      return new Times(buckets, count, bytes, seconds, hidden);
    }

    /** Nothing travelled. */
    public static final Times NONE = new Times(0, 0, 0, 0, 0);

    /**
     * Adds other times.
     *
     * @param other what to add
     * @return the sums
     */
    public Times plus(Times other) {
      return new Times(
          buckets + other.buckets,
          early + other.early,
          bytes + other.bytes,
          seconds + other.seconds,
          hidden + other.hidden);
    }
  }

  private static final double NANO = 1e-9;

  private long buckets;
  private long bytes;
  private long total;
  private long hidden;
  private long begun; // of the bucket that travels now
  private long waiting; // since when the caller waits, if it does
  private boolean waits;

  Overlap() {}

  synchronized void begin() {
    begun = System.nanoTime();
  }

  synchronized void end(long sent) {
    long now = System.nanoTime();
    buckets++;
    bytes += sent;
    total += now - begun;
    hidden += Math.max(0, (waits ? Math.min(now, waiting) : now) - begun);
  }

  synchronized void waits() {
    waits = true;
    waiting = System.nanoTime();
  }

  synchronized void over() {
    waits = false;
  }

  synchronized Times times() {
    return new Times(buckets, 0, bytes, total * NANO, hidden * NANO);
  }
}
