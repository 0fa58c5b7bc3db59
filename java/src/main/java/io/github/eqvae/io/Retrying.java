package io.github.eqvae.io;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Reads files of network file systems. After an error that may be temporary ({@link
 * PassingIoException#mayPass}) it waits and tries again; if the error persists, it throws a {@link
 * PassingIoException}.
 */
public final class Retrying {
  private static final List<Integer> WAITS_MILLIS = List.of(200, 800, 2000, 5000);

  /**
   * Reads something.
   *
   * @param <T> what is read
   */
  @FunctionalInterface
  public interface Read<T> {
    /**
     * Reads from the beginning; may be called several times.
     *
     * @return what was read
     * @throws IOException if it cannot be read
     */
    T read() throws IOException;
  }

  /** Opens files; tests use failing ones. */
  @FunctionalInterface
  interface Opener {
    SeekableByteChannel open(Path file) throws IOException;
  }

  /** Waits, in milliseconds. */
  @FunctionalInterface
  interface Sleeper {
    void sleep(int millis) throws InterruptedException;
  }

  private Retrying() {}

  /**
   * Reads, if necessary several times.
   *
   * @param file what is read, for messages
   * @param read reads it
   * @return what was read
   * @param <T> its type
   * @throws PassingIoException if the error persists
   * @throws IOException if the file is missing, forbidden or has unexpected content
   */
  public static <T> T read(Path file, Read<T> read) throws IOException {
    return read(file, read, Thread::sleep);
  }

  static <T> T read(Path file, Read<T> read, Sleeper sleeper) throws IOException {
    for (int attempt = 0; ; attempt++) {
      try {
        return read.read();
      } catch (IOException e) {
        pause(file, e, attempt, sleeper);
      }
    }
  }

  /**
   * Opens a file that continues at the same position after a temporary error.
   *
   * @param file the file
   * @return its bytes, not buffered; skipping reads nothing
   * @throws IOException if it cannot be opened
   */
  public static InputStream open(Path file) throws IOException {
    return open(file, Files::newByteChannel, Thread::sleep);
  }

  /**
   * Opens a file for reading at any position, as {@link #open} does.
   *
   * @param file the file
   * @return its bytes
   * @throws IOException if it cannot be opened
   */
  static SeekableByteChannel channel(Path file) throws IOException {
    return new RetryingChannel(file, Files::newByteChannel, Thread::sleep);
  }

  static InputStream open(Path file, Opener opener, Sleeper sleeper) throws IOException {
    return new Source(new RetryingChannel(file, opener, sleeper));
  }

  private static void pause(Path file, IOException e, int attempt, Sleeper sleeper)
      throws IOException {
    if (!PassingIoException.mayPass(e) || e instanceof PassingIoException) {
      throw e;
    }
    if (attempt == WAITS_MILLIS.size()) {
      double seconds = WAITS_MILLIS.stream().mapToInt(Integer::intValue).sum() / 1e3;
      throw new PassingIoException(
          String.format(
              Locale.ROOT,
              "%s cannot be read: %s. %d attempts over %.0f s failed. Nothing was skipped:"
                  + " give the same command again when the file system answers.",
              FileNames.shown(file.toString()),
              e.getMessage(),
              attempt + 1,
              seconds),
          e);
    }
    try {
      sleeper.sleep(WAITS_MILLIS.get(attempt));
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting for " + file);
    }
  }

  /** A channel as a stream; skipping reads nothing. */
  private static final class Source extends InputStream {
    private final SeekableByteChannel channel;

    Source(SeekableByteChannel channel) {
      this.channel = channel;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      return length == 0 ? 0 : channel.read(ByteBuffer.wrap(bytes, offset, length));
    }

    @Override
    public long skip(long count) throws IOException {
      long position = channel.position();
      long skipped = Math.clamp(count, 0, Math.max(0, channel.size() - position));
      channel.position(position + skipped);
      return skipped;
    }

    @Override
    public int available() throws IOException {
      return Math.clamp(channel.size() - channel.position(), 0, Integer.MAX_VALUE);
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }
}
