package io.github.eqvae.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;

/**
 * A file that is only read. After a temporary error it is opened again, because a stale handle
 * stays stale, and continues at the same position.
 */
final class RetryingChannel implements SeekableByteChannel {
  private final Path file;
  private final Retrying.Opener opener;
  private final Retrying.Sleeper sleeper;
  private SeekableByteChannel channel;
  private boolean closed;
  private long position;

  RetryingChannel(Path file, Retrying.Opener opener, Retrying.Sleeper sleeper) throws IOException {
    this.file = file;
    this.opener = opener;
    this.sleeper = sleeper;
    this.channel = Retrying.read(file, () -> opener.open(file), sleeper);
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    int count = again(c -> c.position(position).read(into));
    position += Math.max(0, count);
    return count;
  }

  @Override
  public long size() throws IOException {
    return again(SeekableByteChannel::size);
  }

  private interface Action<T> {
    T on(SeekableByteChannel channel) throws IOException;
  }

  private <T> T again(Action<T> action) throws IOException {
    return Retrying.read(
        file,
        () -> {
          if (!channel.isOpen() && !closed) {
            channel = opener.open(file);
          }
          try {
            return action.on(channel);
          } catch (IOException e) {
            channel.close();
            throw e;
          }
        },
        sleeper);
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public SeekableByteChannel position(long to) {
    position = to;
    return this;
  }

  @Override
  public int write(ByteBuffer from) {
    throw new NonWritableChannelException();
  }

  @Override
  public SeekableByteChannel truncate(long size) {
    throw new NonWritableChannelException();
  }

  @Override
  public boolean isOpen() {
    return !closed;
  }

  @Override
  public void close() throws IOException {
    closed = true;
    channel.close();
  }
}
