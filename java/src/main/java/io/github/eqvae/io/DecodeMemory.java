package io.github.eqvae.io;

import java.util.Locale;
import java.util.concurrent.Semaphore;

/**
 * Keeps large pictures from ending a run with an out-of-memory error. A picture that cannot fit
 * into the heap is refused before anything is allocated for it. Pictures are decoded at the same
 * time only if they fit together. Whether a picture is refused depends only on the heap's limit,
 * not on what else is in the heap.
 */
class DecodeMemory {
  /** Pictures that need less than this are not counted. */
  private static final long SMALL = 64L << 20;

  private static final int UNIT = 1 << 20;

  /** The smallest band: with fewer rows the file would be decoded too often. */
  private static final int LEAST_ROWS = 64;

  /** The limits for the heap of this JVM. */
  static final DecodeMemory HEAP = new DecodeMemory(Runtime.getRuntime().maxMemory());

  private final long heap;

  /** The largest memory for pictures, three quarters of the heap. */
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
   * Whether a picture can be decoded whole.
   *
   * @param width pixels in a row
   * @param height rows
   * @param bytesPerPixel what decoding, and cutting the result, take at the most
   * @return false if the heap's limit is too small
   */
  boolean fits(int width, int height, int bytesPerPixel) {
    return (long) width * height * bytesPerPixel <= most;
  }

  /**
   * How many rows of a picture that does not fit may be decoded at once.
   *
   * @param width pixels in a row
   * @param bytesPerPixel what decoding them takes at the most
   * @param file bytes of the file, which is in memory, too
   * @return 0 if it is too large for that as well
   */
  int bandRows(int width, int bytesPerPixel, long file) {
    // Decoders keep a copy of the file. Large arrays do not fill the heap completely.
    long bytes = (most - 2 * file) / 4;
    long rows = bytes / ((long) width * bytesPerPixel);
    return rows < LEAST_ROWS ? 0 : (int) Math.min(rows, Integer.MAX_VALUE);
  }

  /**
   * Waits until a picture may be decoded.
   *
   * @param name what messages call it
   * @param width pixels in a row
   * @param height rows
   * @param bytesPerPixel upper bound of the memory for decoding and for cutting the result
   * @return must be closed when that is done
   * @throws ImageException if it is more than the heap allows
   */
  Share reserve(String name, int width, int height, int bytesPerPixel) throws ImageException {
    long bytes = (long) width * height * bytesPerPixel;
    if (bytes > most) {
      throw tooLarge(name, width, height, bytesPerPixel);
    }
    if (bytes <= SMALL) {
      return () -> {};
    }
    int wanted = (int) (bytes / UNIT);
    units.acquireUninterruptibly(wanted);
    return () -> units.release(wanted);
  }

  /** The error for a picture that is too large for the heap. */
  ImageException tooLarge(String name, int width, int height, int bytesPerPixel) {
    long bytes = (long) width * height * bytesPerPixel;
    long gigabytes = bytes / 3 * 4 / (1 << 30) + 1;
    return new ImageException(
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
}
