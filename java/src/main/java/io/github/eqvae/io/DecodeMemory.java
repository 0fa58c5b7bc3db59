package io.github.eqvae.io;

import java.util.Locale;
import java.util.concurrent.Semaphore;

/**
 * Keeps large pictures from ending a run for want of memory: one that cannot fit is refused before
 * anything is allocated for it, and of those that fit no more are decoded at a time than do so
 * together. What is refused depends on the heap's limit alone, not on what else is in it.
 */
final class DecodeMemory {
  /** Below this nothing is counted. */
  private static final long SMALL = 64L << 20;

  private static final int UNIT = 1 << 20;

  /** Of this Java's heap. */
  static final DecodeMemory HEAP = new DecodeMemory(Runtime.getRuntime().maxMemory());

  private final long heap;

  /** The most that pictures may take, three quarters of the heap. */
  private final long most;

  private final Semaphore units;

  DecodeMemory(long heap) {
    this.heap = heap;
    most = heap / 4 * 3;
    units = new Semaphore((int) Math.min(Integer.MAX_VALUE, most / UNIT), true);
  }

  /** Memory that a picture may use until this is closed. */
  interface Share extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Waits until a picture may be decoded.
   *
   * @param name what messages call it
   * @param width pixels in a row
   * @param height rows
   * @param bytesPerPixel what decoding, and cutting the result, take at the most
   * @return to be closed when that is done
   * @throws ImageException if it is more than the heap allows
   */
  Share reserve(String name, int width, int height, int bytesPerPixel) throws ImageException {
    long bytes = (long) width * height * bytesPerPixel;
    if (bytes > most) {
      long gigabytes = bytes / 3 * 4 / (1 << 30) + 1;
      throw new ImageException(
          name,
          String.format(
              Locale.ROOT,
              "is %dx%d; decoding it takes about %d MB, and Java has %d MB in all. Make it smaller,"
                  + " or give Java more: JAVA_TOOL_OPTIONS=-Xmx%dg",
              width,
              height,
              bytes / UNIT,
              heap / UNIT,
              gigabytes));
    }
    if (bytes <= SMALL) {
      return () -> {};
    }
    int wanted = (int) (bytes / UNIT);
    units.acquireUninterruptibly(wanted);
    return () -> units.release(wanted);
  }
}
