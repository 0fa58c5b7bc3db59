package io.github.eqvae.ranks;

import io.github.eqvae.EqvaeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The ranks of a run: processes that each compute a part of it. Every method but {@link #abort} is
 * called by all ranks, in the same order, by one thread of each. Results do not depend on how bytes
 * travel: sums are made in the order of the ranks, by our own code ({@link OrderedSum}).
 *
 * <p>If a rank is lost, a call that waits for it ends with {@link EqvaeException.Environment}.
 */
public final class Communicator implements AutoCloseable {
  /** Bytes of one message at most: buffers of Java's channels are smaller than 2 GiB. */
  private static final long MESSAGE = 64L << 20;

  private static final Communicator ALONE = new Communicator(new Alone());

  private final MessageTransport transport;

  Communicator(MessageTransport transport) {
    this.transport = transport;
  }

  /**
   * A run of one process.
   *
   * @return the communicator of the only rank; it costs nothing
   */
  public static Communicator alone() {
    return ALONE;
  }

  /**
   * Which rank this process is.
   *
   * @return from 0
   */
  public int rank() {
    return transport.rank();
  }

  /**
   * How many ranks there are.
   *
   * @return at least 1
   */
  public int size() {
    return transport.size();
  }

  /**
   * Whether there are no others.
   *
   * @return true for one rank
   */
  public boolean isAlone() {
    return size() == 1;
  }

  /**
   * Whether this is the rank that writes files and speaks.
   *
   * @return true for rank 0
   */
  public boolean isFirst() {
    return rank() == 0;
  }

  /**
   * Gathers what each rank gives.
   *
   * @param mine this rank's bytes, of any length
   * @return the bytes of all, by rank
   */
  public List<byte[]> allGather(byte[] mine) {
    if (isAlone()) {
      return List.of(mine.clone());
    }
    try (Arena arena = Arena.ofShared()) {
      MemorySegment length = arena.allocate(ValueLayout.JAVA_LONG);
      length.set(ValueLayout.JAVA_LONG, 0, mine.length);
      @Nullable MemorySegment[] lengths = new MemorySegment[size()];
      for (int r = 0; r < lengths.length; r++) {
        lengths[r] = r == rank() ? null : arena.allocate(ValueLayout.JAVA_LONG);
      }
      transport.exchange(toOthers(length), lengths);
      MemorySegment sent = arena.allocate(Math.max(mine.length, 1), 8);
      MemorySegment.copy(mine, 0, sent, ValueLayout.JAVA_BYTE, 0, mine.length);
      @Nullable MemorySegment[] parts = new MemorySegment[size()];
      for (int r = 0; r < parts.length; r++) {
        MemorySegment bytes = lengths[r];
        if (bytes != null) {
          long n = bytes.get(ValueLayout.JAVA_LONG, 0);
          if (n < 0 || n > MESSAGE) {
            throw new EqvaeException.Internal("rank " + r + " gathers " + n + " bytes");
          }
          parts[r] = arena.allocate(Math.max(n, 1), 8).asSlice(0, n);
        }
      }
      transport.exchange(toOthers(sent.asSlice(0, mine.length)), parts);
      List<byte[]> all = new ArrayList<>();
      for (MemorySegment part : parts) {
        all.add(part == null ? mine.clone() : part.toArray(ValueLayout.JAVA_BYTE));
      }
      return all;
    }
  }

  /**
   * Gathers a text of each rank.
   *
   * @param mine this rank's
   * @return the texts of all, by rank
   */
  public List<String> allGather(String mine) {
    return allGather(mine.getBytes(StandardCharsets.UTF_8)).stream()
        .map(b -> new String(b, StandardCharsets.UTF_8))
        .toList();
  }

  /**
   * The largest number of any rank.
   *
   * @param mine this rank's
   * @return the same in all ranks; NaN if one is NaN
   */
  public double max(double mine) {
    double most = mine;
    for (String other : isAlone() ? List.<String>of() : allGather(Double.toHexString(mine))) {
      most = Math.max(most, Double.parseDouble(other));
    }
    return most;
  }

  /**
   * Gives all ranks the first one's bytes.
   *
   * @param memory native memory of the same size in all ranks, with a shared or global arena
   */
  public void broadcast(MemorySegment memory) {
    for (long at = 0; !isAlone() && at < memory.byteSize(); at += MESSAGE) {
      MemorySegment part = memory.asSlice(at, Math.min(MESSAGE, memory.byteSize() - at));
      @Nullable MemorySegment[] nothing = new MemorySegment[size()];
      if (isFirst()) {
        transport.exchange(toOthers(part), nothing);
      } else {
        @Nullable MemorySegment[] in = new MemorySegment[size()];
        in[0] = part;
        transport.exchange(nothing, in);
      }
    }
  }

  /**
   * Prepares sums of floats over all ranks.
   *
   * @param elements how many numbers each rank gives
   * @return the sum, which the caller closes
   */
  public OrderedSum orderedSum(long elements) {
    return orderedSum(elements, OrderedSum.bucket());
  }

  OrderedSum orderedSum(long elements, long bucket) {
    return new OrderedSum(transport, elements, bucket);
  }

  /** For tests: what others see of this rank when its process is killed. */
  void loseConnections() {
    if (transport instanceof TcpTransport tcp) {
      tcp.loseConnections();
    }
  }

  /** Waits until all ranks are here. */
  public void barrier() {
    allGather(new byte[0]);
  }

  /**
   * Ends the run of all ranks, because this one cannot go on. Any thread may call it.
   *
   * @param reason a sentence, which the first rank prints
   */
  public void abort(String reason) {
    transport.abort(reason);
  }

  /**
   * Asks whether the run has ended, because a rank is gone or cannot go on. Some transports leave
   * that to their launcher.
   *
   * @param millis how long to wait for such news
   * @return a sentence that names the rank; empty if there is none
   */
  public Optional<String> lost(long millis) {
    return transport.lost(millis);
  }

  /**
   * Is told when another rank is gone, also while this one computes. Some transports leave it to
   * their launcher to end the others.
   *
   * @param action gets a sentence that names the rank; called once at most, by another thread
   */
  public void onLoss(Consumer<String> action) {
    transport.onLoss(action);
  }

  private @Nullable MemorySegment[] toOthers(MemorySegment same) {
    @Nullable MemorySegment[] out = new MemorySegment[size()];
    for (int r = 0; r < out.length; r++) {
      out[r] = r == rank() ? null : same;
    }
    return out;
  }

  @Override
  public void close() {
    transport.close();
  }

  /** One rank. */
  private static final class Alone implements MessageTransport {
    @Override
    public int rank() {
      return 0;
    }

    @Override
    public int size() {
      return 1;
    }

    @Override
    public void exchange(@Nullable MemorySegment[] out, @Nullable MemorySegment[] in) {
      // There is nobody to send to.
    }

    @Override
    public void abort(String reason) {
      // There is nobody to tell.
    }

    @Override
    public void close() {
      // It holds nothing.
    }
  }
}
