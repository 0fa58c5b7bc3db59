package io.github.eqvae.ranks;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Watches the connections between the first rank and each other one. When one ends without a
 * farewell, its process is gone: all ranks are told, and their connections for numbers are closed,
 * so that nothing waits any longer.
 */
final class FailureDetector {
  private static final byte CLOSE = 0;
  private static final byte ABORT = 1;
  private static final int LONGEST = 4000;

  private final int rank;
  private final String[] names;
  private final @Nullable SocketChannel[] control;
  private final @Nullable SocketChannel[] data;
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile boolean closing;
  private @Nullable String lost; // guarded by this
  private @Nullable Consumer<String> action; // guarded by this

  FailureDetector(
      int rank, String[] names, @Nullable SocketChannel[] control, @Nullable SocketChannel[] data) {
    this.rank = rank;
    this.names = names;
    this.control = control;
    this.data = data;
    for (int r = 0; r < control.length; r++) {
      SocketChannel channel = control[r];
      int other = r;
      if (channel != null) {
        Thread.ofPlatform().daemon().name("eqvae-rank-" + r).start(() -> listen(other, channel));
      }
    }
  }

  private void listen(int other, SocketChannel channel) {
    try {
      DataInputStream in = new DataInputStream(channel.socket().getInputStream());
      if (in.readByte() == CLOSE) {
        return;
      }
      end(in.readUTF(), other);
    } catch (IOException e) {
      if (!closing) {
        end(
            "rank "
                + other
                + " of "
                + names.length
                + " ("
                + names[other]
                + ") is gone: it was killed, or its machine is out of reach",
            other);
      }
    }
  }

  /** Ends the run: keeps the first reason, and passes it on. */
  void end(String reason, int origin) {
    Consumer<String> told;
    synchronized (this) {
      if (lost != null || closing) {
        return;
      }
      lost = reason;
      told = action;
    }
    for (int r = 0; r < control.length; r++) {
      if (r != origin && r != rank) {
        tell(control[r], ABORT, reason);
      }
    }
    ended.countDown();
    for (SocketChannel channel : data) {
      close(channel);
    }
    if (told != null && origin != rank) {
      told.accept(reason);
    }
  }

  void onLoss(Consumer<String> wanted) {
    String already;
    synchronized (this) {
      action = wanted;
      already = lost;
    }
    if (already != null) {
      wanted.accept(already);
    }
  }

  /** Why the run ended, if it did; a connection may break a moment before it is known. */
  Optional<String> reason(long millis) throws InterruptedException {
    if (ended.await(millis, TimeUnit.MILLISECONDS)) {
      synchronized (this) {
        return Optional.ofNullable(lost);
      }
    }
    return Optional.empty();
  }

  private static void tell(@Nullable SocketChannel channel, byte what, String text) {
    if (channel == null) {
      return;
    }
    try {
      DataOutputStream out = new DataOutputStream(channel.socket().getOutputStream());
      out.writeByte(what);
      if (what == ABORT) {
        out.writeUTF(text.length() > LONGEST ? text.substring(0, LONGEST) : text);
      }
      out.flush();
    } catch (IOException e) {
      // That rank is gone, too.
    }
  }

  private static void close(@Nullable SocketChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      // Nothing is sent on it any more.
    }
  }

  /** For tests: ends all connections without a word. */
  void loseConnections() {
    synchronized (this) {
      closing = true;
    }
    for (int r = 0; r < control.length; r++) {
      close(control[r]);
      close(data[r]);
    }
  }

  /** Closes in order: this rank is done. */
  void close() {
    synchronized (this) {
      if (closing) {
        return;
      }
      closing = true;
    }
    for (int r = 0; r < control.length; r++) {
      tell(control[r], CLOSE, "");
      close(control[r]);
      close(data[r]);
    }
  }
}
