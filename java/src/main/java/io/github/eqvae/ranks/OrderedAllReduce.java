package io.github.eqvae.ranks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * The sum of many floats over all ranks, and over several rounds, in one order: round by round, and
 * within a round rank by rank, {@code ((g₀ + g₁) + g₂) + …}. That is what one process computes that
 * adds the same summands one after the other, so the bits are the same for any number of ranks and
 * any size of bucket. (An all-reduce of MPI or NCCL may add in another order, which can differ from
 * one place of the buffer to the next.)
 *
 * <p>The numbers are divided into buckets, which travel one by one while the caller computes:
 * {@link #send} returns at once. A bucket is divided into one share per rank. A rank receives its
 * share from all others and adds up (a reduce-scatter); after the last round the shares are
 * gathered (an all-gather). So in a step of one round a rank sends {@code 2 · (R − 1)/R} times the
 * size of the buffer.
 */
public final class OrderedAllReduce implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  private final Communicator ranks;
  private final long elements;
  private final long bucket;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment mine;
  private final MemorySegment sum; // of this rank's shares; all of it after the last round
  private final MemorySegment parts; // what the others send of one bucket
  private final List<Future<?>> travelling = new ArrayList<>();
  private final Overlap overlap = new Overlap();

  OrderedAllReduce(Communicator ranks, long elements, long bucket) {
    this.ranks = ranks;
    this.elements = elements;
    this.bucket = Math.clamp(bucket, 1, elements);
    mine = arena.allocate(elements * Float.BYTES, 64);
    sum = arena.allocate(elements * Float.BYTES, 64);
    long share = this.bucket / ranks.size() + 1;
    parts = arena.allocate(ranks.size() * share * Float.BYTES, 64);
  }

  /**
   * Where this rank's summands are written before {@link #send}.
   *
   * @return native memory of {@code elements} floats
   */
  public MemorySegment mine() {
    return mine;
  }

  /**
   * How many buckets there are.
   *
   * @return at least 1
   */
  public int buckets() {
    return Math.toIntExact((elements + bucket - 1) / bucket);
  }

  /**
   * The first element of a bucket.
   *
   * @param index which bucket; {@link #buckets} gives the end of the last one
   * @return its position
   */
  public long begin(int index) {
    return Math.min(index * bucket, elements);
  }

  /**
   * Sends this rank's summands of a bucket and adds those of all, while the caller goes on. All
   * ranks send the same buckets in the same order.
   *
   * @param index which bucket; its part of {@link #mine} stays as it is until {@link #await}
   * @param first whether the sum begins with this round
   * @param last whether it ends with it
   */
  public void send(int index, boolean first, boolean last) {
    travelling.add(
        ranks.schedule(
            () -> {
              overlap.begin();
              long from = begin(index);
              long length = begin(index + 1) - from;
              long bytes = reduceScatter(from, length, first);
              overlap.end(bytes + (last ? allGather(from, length) : 0));
            }));
  }

  /**
   * Waits for all buckets that were sent.
   *
   * @return the sum, the same in all ranks, if this was the last round; valid until the next one
   */
  public MemorySegment await() {
    overlap.waits();
    travelling.forEach(Communicator::join);
    travelling.clear();
    overlap.over();
    return sum;
  }

  /**
   * Adds the summands of all ranks, in all buckets.
   *
   * @param first whether the sum begins with this round
   * @param last whether it ends with it
   * @return as {@link #await}
   */
  public MemorySegment add(boolean first, boolean last) {
    for (int index = buckets() - 1; index >= 0; index--) {
      send(index, first, last);
    }
    return await();
  }

  /**
   * How much of the time of messages passed while the caller did something else.
   *
   * @return the times so far
   */
  public Overlap.Times times() {
    return overlap.times();
  }

  private long reduceScatter(long from, long length, boolean first) {
    int size = ranks.size();
    long begin = from + start(length, ranks.rank());
    long n = from + start(length, ranks.rank() + 1) - begin;
    @Nullable MemorySegment[] out = new MemorySegment[size];
    @Nullable MemorySegment[] in = new MemorySegment[size];
    for (int r = 0; r < size; r++) {
      if (r != ranks.rank()) {
        out[r] = slice(mine, from + start(length, r), from + start(length, r + 1));
        in[r] = slice(parts, r * n, (r + 1) * n);
      }
    }
    long bytes = ranks.exchange(out, in);
    MemorySegment to = slice(sum, begin, begin + n);
    for (int r = 0; r < size; r++) {
      MemorySegment received = in[r];
      MemorySegment part = received == null ? slice(mine, begin, begin + n) : received;
      if (first && r == 0) {
        to.copyFrom(part);
      } else {
        add(to, part, n);
      }
    }
    return bytes;
  }

  private long allGather(long from, long length) {
    int size = ranks.size();
    @Nullable MemorySegment[] out = new MemorySegment[size];
    @Nullable MemorySegment[] in = new MemorySegment[size];
    int own = ranks.rank();
    for (int r = 0; r < size; r++) {
      if (r != own) {
        out[r] = slice(sum, from + start(length, own), from + start(length, own + 1));
        in[r] = slice(sum, from + start(length, r), from + start(length, r + 1));
      }
    }
    return ranks.exchange(out, in);
  }

  /** Where the share of a rank begins within a bucket. */
  private long start(long length, int rank) {
    return length * rank / ranks.size();
  }

  private static MemorySegment slice(MemorySegment of, long from, long to) {
    return of.asSlice(from * Float.BYTES, (to - from) * Float.BYTES);
  }

  private static void add(MemorySegment to, MemorySegment part, long n) {
    for (long i = 0; i < n; i++) {
      to.setAtIndex(FLOAT, i, to.getAtIndex(FLOAT, i) + part.getAtIndex(FLOAT, i));
    }
  }

  /**
   * A bucket that still travels, because this rank has failed, must not reach memory that is gone.
   */
  @Override
  public void close() {
    if (ranks.giveUp(travelling)) {
      arena.close();
    }
  }
}
