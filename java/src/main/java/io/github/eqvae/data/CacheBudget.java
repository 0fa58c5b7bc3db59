package io.github.eqvae.data;

import java.util.concurrent.atomic.AtomicLong;

/** The limit of cached pictures in bytes, which all data sets of a run share. */
public final class CacheBudget {
  private final long most;
  private final AtomicLong used = new AtomicLong();

  /**
   * Creates an unused budget.
   *
   * @param most the limit in bytes
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
   * Reserves bytes.
   *
   * @param bytes how many
   * @return false if fewer are left; then nothing is reserved
   */
  boolean take(long bytes) {
    if (used.addAndGet(bytes) > most) {
      used.addAndGet(-bytes);
      return false;
    }
    return true;
  }

  /** Releases reserved bytes. */
  void giveBack(long bytes) {
    used.addAndGet(-bytes);
  }

  /**
   * The reserved bytes.
   *
   * @return bytes, at most the limit
   */
  public long used() {
    return used.get();
  }
}
