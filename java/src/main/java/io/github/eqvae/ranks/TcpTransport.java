package io.github.eqvae.ranks;

import io.github.eqvae.EqvaeException;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Ranks that are connected by TCP, each with each. */
final class TcpTransport implements MessageTransport {
  private static final int HEADER = Long.BYTES + Long.BYTES;
  private static final int REASON_MILLIS = 5000;

  private final int rank;
  private final @Nullable SocketChannel[] channels;
  private final FailureDetector detector;
  private final ExecutorService senders = Executors.newVirtualThreadPerTaskExecutor();
  private long exchanges;

  TcpTransport(int rank, @Nullable SocketChannel[] channels, FailureDetector detector) {
    this.rank = rank;
    this.channels = channels;
    this.detector = detector;
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int size() {
    return channels.length;
  }

  @Override
  public void exchange(@Nullable MemorySegment[] out, @Nullable MemorySegment[] in) {
    long number = exchanges++;
    List<Future<?>> sends = new ArrayList<>();
    int other = rank;
    try {
      for (int r = 0; r < out.length; r++) {
        MemorySegment bytes = out[r];
        int to = r;
        if (bytes != null) {
          sends.add(senders.submit(() -> send(to, bytes, number)));
        }
      }
      for (int r = 0; r < in.length; r++) {
        MemorySegment bytes = in[r];
        if (bytes != null) {
          other = r;
          receive(r, bytes, number);
        }
      }
      for (Future<?> send : sends) {
        send.get();
      }
    } catch (IOException e) {
      throw lost(other, e);
    } catch (ExecutionException e) {
      throw lost(other, e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EqvaeException.Environment("interrupted while ranks exchanged numbers", e);
    } finally {
      settle(sends);
    }
  }

  /** The memory that is sent must not be changed before this returns. */
  private static void settle(List<Future<?>> sends) {
    for (Future<?> send : sends) {
      if (!send.isDone()) {
        send.cancel(true); // closes the channel, if it is in the middle of a write
      }
    }
  }

  private SocketChannel channel(int other) {
    SocketChannel channel = channels[other];
    if (channel == null) {
      throw new EqvaeException.Internal("rank " + rank + " has no connection to rank " + other);
    }
    return channel;
  }

  private @Nullable Void send(int to, MemorySegment bytes, long number) throws IOException {
    ByteBuffer header =
        ByteBuffer.allocate(HEADER).putLong(number).putLong(bytes.byteSize()).flip();
    ByteBuffer[] all = {header, bytes.asByteBuffer()};
    SocketChannel channel = channel(to);
    while (header.hasRemaining() || all[1].hasRemaining()) {
      channel.write(all);
    }
    return null;
  }

  private void receive(int from, MemorySegment bytes, long number) throws IOException {
    SocketChannel channel = channel(from);
    ByteBuffer header = ByteBuffer.allocate(HEADER);
    fill(channel, header);
    header.flip();
    long theirs = header.getLong();
    long length = header.getLong();
    if (theirs != number || length != bytes.byteSize()) {
      throw new EqvaeException.Internal(
          "rank "
              + from
              + " sent "
              + length
              + " bytes in exchange "
              + theirs
              + ", rank "
              + rank
              + " expected "
              + bytes.byteSize()
              + " in exchange "
              + number);
    }
    fill(channel, bytes.asByteBuffer());
  }

  private static void fill(SocketChannel channel, ByteBuffer to) throws IOException {
    while (to.hasRemaining()) {
      if (channel.read(to) < 0) {
        throw new EOFException("the connection ended");
      }
    }
  }

  private EqvaeException lost(int other, Throwable cause) {
    try {
      String reason =
          detector
              .reason(REASON_MILLIS)
              .orElse("the connection to rank " + other + " broke: " + cause.getMessage());
      return new EqvaeException.Environment(reason, cause);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new EqvaeException.Environment("interrupted while a rank was lost", e);
    }
  }

  @Override
  public Optional<String> lost(long millis) {
    try {
      return detector.reason(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.empty();
    }
  }

  void loseConnections() {
    detector.loseConnections();
  }

  @Override
  public void abort(String reason) {
    detector.end("rank " + rank + " ended: " + reason, rank);
  }

  @Override
  public void onLoss(Consumer<String> action) {
    detector.onLoss(action);
  }

  @Override
  public void close() {
    detector.close();
    senders.close();
  }
}
