package io.github.eqvae.ranks;

import io.github.eqvae.EqvaeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The ranks of a run: processes that each compute a part of it. Every method but {@link #abort} is
 * called by all ranks, in the same order, by one thread of each. Results do not depend on how bytes
 * travel: sums are made in the order of the ranks, by our own code ({@link OrderedAllReduce}).
 *
 * <p>Buckets of a sum travel while their rank computes. All messages are sent and received by one
 * thread, in the order of the calls, so a call that comes after a bucket waits for it.
 *
 * <p>If a rank is lost, a call that waits for it ends with {@link EqvaeException.Environment}.
 */
public final class Communicator implements AutoCloseable {
  /** Bytes of one message at most: buffers of Java's channels are smaller than 2 GiB. */
  private static final long MESSAGE = 64L << 20;

  private static final long GIVE_UP_SECONDS = 2;

  private static final Communicator ALONE = new Communicator(new LoneTransport(), 1 << 22);

  private final MessageTransport transport;
  private final long bucketBytes;
  private @Nullable ExecutorService messages; // once something travels beside the caller

  /**
   * Ranks that are connected.
   *
   * @param transport how bytes travel
   * @param bucketBytes size of a sum's buckets; it changes the speed, never the bits
   */
  Communicator(MessageTransport transport, long bucketBytes) {
    this.transport = transport;
    this.bucketBytes = bucketBytes;
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
   * The size of the buckets of sums. Ranks can only work together if it is the same.
   *
   * @return bytes
   */
  public long bucketBytes() {
    return bucketBytes;
  }

  /**
   * Sends and receives; by the thread of {@link #schedule} where there is one.
   *
   * @return bytes sent
   */
  long exchange(@Nullable MemorySegment[] out, @Nullable MemorySegment[] in) {
    long bytes = 0;
    for (MemorySegment each : out) {
      bytes += each == null ? 0 : each.byteSize();
    }
    transport.exchange(out, in);
    return bytes;
  }

  /** Runs something that exchanges messages, after all that came before, beside the caller. */
  Future<?> schedule(Runnable work) {
    if (isAlone()) {
      work.run();
      return CompletableFuture.completedFuture(null);
    }
    if (messages == null) {
      messages =
          Executors.newSingleThreadExecutor(
              Thread.ofPlatform().daemon().name("eqvae-messages").factory());
    }
    return messages.submit(work);
  }

  /** Runs it after all that was scheduled, and waits for it. */
  private <R> R inOrder(Callable<R> work) {
    try {
      return messages == null ? work.call() : join(messages.submit(work));
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new EqvaeException.Internal("an exchange of messages failed", e);
    }
  }

  /** Waits for something that was scheduled, and fails as it failed. */
  static <R> R join(Future<R> work) {
    try {
      return work.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EqvaeException.Environment("interrupted while ranks exchanged numbers", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw new EqvaeException.Internal("an exchange of messages failed", e);
    }
  }

  /**
   * Gives up what was scheduled: then this rank has failed, and the others may never answer.
   *
   * @return whether nothing travels any more; a message that MPI waits for cannot be stopped
   */
  boolean giveUp(List<Future<?>> work) {
    if (messages == null || work.stream().allMatch(Future::isDone)) {
      return true;
    }
    work.forEach(each -> each.cancel(true));
    try {
      messages.submit(() -> {}).get(GIVE_UP_SECONDS, TimeUnit.SECONDS);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } catch (ExecutionException | TimeoutException e) {
      return false;
    }
  }

  /**
   * Gathers what each rank gives.
   *
   * @param mine this rank's bytes, of any length
   * @return the bytes of all, by rank
   */
  public List<byte[]> allGather(byte[] mine) {
    return isAlone() ? List.of(mine.clone()) : inOrder(() -> gather(mine, true));
  }

  /**
   * Gives the first rank what each rank has.
   *
   * @param mine this rank's bytes, of any length
   * @return the bytes of all, by rank, in the first rank; nothing in others
   */
  public List<byte[]> gather(byte[] mine) {
    return isAlone() ? List.of(mine.clone()) : inOrder(() -> gather(mine, false));
  }

  private List<byte[]> gather(byte[] mine, boolean toAll) {
    boolean receives = toAll || isFirst();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment length = arena.allocate(ValueLayout.JAVA_LONG);
      length.set(ValueLayout.JAVA_LONG, 0, mine.length);
      @Nullable MemorySegment[] lengths = new MemorySegment[size()];
      for (int r = 0; receives && r < lengths.length; r++) {
        lengths[r] = r == rank() ? null : arena.allocate(ValueLayout.JAVA_LONG);
      }
      exchange(to(length, toAll), lengths);
      MemorySegment own = arena.allocate(Math.max(mine.length, 1), 8);
      MemorySegment.copy(mine, 0, own, ValueLayout.JAVA_BYTE, 0, mine.length);
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
      exchange(to(own.asSlice(0, mine.length), toAll), parts);
      List<byte[]> all = new ArrayList<>();
      for (MemorySegment part : receives ? parts : new MemorySegment[0]) {
        all.add(part == null ? mine.clone() : part.toArray(ValueLayout.JAVA_BYTE));
      }
      return all;
    }
  }

  /** The same for all others, or for the first one only. */
  private @Nullable MemorySegment[] to(MemorySegment same, boolean all) {
    @Nullable MemorySegment[] out = new MemorySegment[size()];
    for (int r = 0; r < out.length; r++) {
      out[r] = r == rank() || (r > 0 && !all) ? null : same;
    }
    return out;
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
    if (!isAlone()) {
      inOrder(
          () -> {
            fromFirst(memory);
            return memory;
          });
    }
  }

  private void fromFirst(MemorySegment memory) {
    for (long at = 0; at < memory.byteSize(); at += MESSAGE) {
      MemorySegment part = memory.asSlice(at, Math.min(MESSAGE, memory.byteSize() - at));
      @Nullable MemorySegment[] nothing = new MemorySegment[size()];
      if (isFirst()) {
        exchange(to(part, true), nothing);
      } else {
        @Nullable MemorySegment[] in = new MemorySegment[size()];
        in[0] = part;
        exchange(nothing, in);
      }
    }
  }

  /**
   * Prepares sums of floats over all ranks.
   *
   * @param elements how many numbers each rank gives
   * @return the sum, which the caller closes
   */
  public OrderedAllReduce orderedAllReduce(long elements) {
    return orderedAllReduce(elements, bucketBytes / Float.BYTES);
  }

  OrderedAllReduce orderedAllReduce(long elements, long bucket) {
    return new OrderedAllReduce(this, elements, bucket);
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

  @Override
  public void close() {
    transport.close();
    if (messages != null) {
      messages.shutdown();
    }
  }
}
