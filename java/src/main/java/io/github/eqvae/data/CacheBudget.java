package io.github.eqvae.data;

import java.util.concurrent.atomic.AtomicLong;

/** How many bytes of pictures may be kept, by all data sets of a run together. */
public final class CacheBudget {
  private final long most;
  private final AtomicLong used = new AtomicLong();

  /**
   * A budget.
   *
   * @param most bytes
   */
  public CacheBudget(long most) {
    this.most = most;
  }

  /**
   * The part of Java's heap that a cache may have: half. The other half is for pictures that are
   * being decoded and batches.
   *
   * @return bytes
   */
  public static long mostOfHeap() {
    return Runtime.getRuntime().maxMemory() / 2;
  }

  /**
   * Asks for bytes.
   *
   * @param bytes how many
   * @return false if there are not so many left
   */
  boolean take(long bytes) {
    if (used.addAndGet(bytes) > most) {
      used.addAndGet(-bytes);
      return false;
    }
    return true;
  }

  /** Gives bytes back. */
  void giveBack(long bytes) {
    used.addAndGet(-bytes);
  }

  /**
   * What is taken.
   *
   * @return bytes, at most the limit
   */
  public long used() {
    return used.get();
  }
}
