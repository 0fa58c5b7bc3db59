package io.github.eqvae.tensor;

import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Finds owners of native memory that were garbage-collected without having been closed: it prints
 * where each was opened, and counts them. It does not free the memory. Tests fail if the count is
 * not 0.
 */
public final class LeakCheck {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final AtomicLong LEAKS = new AtomicLong();

  private final AtomicBoolean closed = new AtomicBoolean();

  private LeakCheck() {}

  static LeakCheck opened(Object owner, String what) {
    LeakCheck check = new LeakCheck();
    AtomicBoolean closed = check.closed;
    Throwable where = new Throwable("opened here");
    CLEANER.register(
        owner,
        () -> {
          if (!closed.get()) {
            LEAKS.incrementAndGet();
            System.getLogger(LeakCheck.class.getName())
                .log(System.Logger.Level.WARNING, what + " was never closed", where);
          }
        });
    return check;
  }

  void closed() {
    closed.set(true);
  }

  /**
   * How many owners were collected without having been closed.
   *
   * @return leaks since the process started
   */
  public static long leaks() {
    return LEAKS.get();
  }
}
