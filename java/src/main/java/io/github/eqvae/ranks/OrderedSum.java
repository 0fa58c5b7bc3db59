package io.github.eqvae.ranks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * The sum of many floats over all ranks, and over several rounds, in one order: round by round, and
 * within a round rank by rank, {@code ((g₀ + g₁) + g₂) + …}. That is what one process computes that
 * adds the same summands one after the other, so the bits are the same for any number of ranks and
 * any size of bucket. (An all-reduce of MPI or NCCL may add in another order, which can differ from
 * one place of the buffer to the next.)
 *
 * <p>The numbers are divided into buckets, and each bucket into one share per rank. A rank receives
 * its share from all others and adds up. {@link #total} then gathers the shares. So in a step of
 * one round a rank sends {@code 2 · (R − 1)/R} times the size of the buffer.
 */
public final class OrderedSum implements AutoCloseable {
  private static final long BUCKET = 1L << 20;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  private final MessageTransport transport;
  private final long elements;
  private final long bucket;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment mine;
  private final MemorySegment sum; // of this rank's shares; all of it after total()
  private final MemorySegment parts; // what the others send of one bucket

  OrderedSum(MessageTransport transport, long elements, long bucket) {
    this.transport = transport;
    this.elements = elements;
    this.bucket = Math.min(bucket, elements);
    mine = arena.allocate(elements * Float.BYTES, 64);
    sum = arena.allocate(elements * Float.BYTES, 64);
    long share = this.bucket / transport.size() + 1;
    parts = arena.allocate(transport.size() * share * Float.BYTES, 64);
  }

  /** The size of a bucket in floats. It changes the speed, never the bits. */
  static long bucket() {
    return Math.max(1, Long.getLong("eqvae.ranks.bucket", BUCKET));
  }

  /**
   * Where this rank's summands are written before {@link #add}.
   *
   * @return native memory of {@code elements} floats
   */
  public MemorySegment mine() {
    return mine;
  }

  /**
   * Adds the summands of all ranks.
   *
   * @param first whether the sum begins with them
   */
  public void add(boolean first) {
    int size = transport.size();
    for (long from = 0; from < elements; from += bucket) {
      long length = Math.min(bucket, elements - from);
      long begin = from + start(length, transport.rank());
      long n = from + start(length, transport.rank() + 1) - begin;
      @Nullable MemorySegment[] out = new MemorySegment[size];
      @Nullable MemorySegment[] in = new MemorySegment[size];
      for (int r = 0; r < size; r++) {
        if (r != transport.rank()) {
          out[r] = slice(mine, from + start(length, r), from + start(length, r + 1));
          in[r] = slice(parts, r * n, (r + 1) * n);
        }
      }
      transport.exchange(out, in);
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
    }
  }

  /**
   * Gathers the sum.
   *
   * @return native memory of {@code elements} floats, the same in all ranks; valid until the next
   *     {@link #add}
   */
  public MemorySegment total() {
    int size = transport.size();
    for (long from = 0; from < elements; from += bucket) {
      long length = Math.min(bucket, elements - from);
      @Nullable MemorySegment[] out = new MemorySegment[size];
      @Nullable MemorySegment[] in = new MemorySegment[size];
      int own = transport.rank();
      for (int r = 0; r < size; r++) {
        if (r != own) {
          out[r] = slice(sum, from + start(length, own), from + start(length, own + 1));
          in[r] = slice(sum, from + start(length, r), from + start(length, r + 1));
        }
      }
      transport.exchange(out, in);
    }
    return sum;
  }

  /** Where the share of a rank begins within a bucket. */
  private long start(long length, int rank) {
    return length * rank / transport.size();
  }

  private static MemorySegment slice(MemorySegment of, long from, long to) {
    return of.asSlice(from * Float.BYTES, (to - from) * Float.BYTES);
  }

  private static void add(MemorySegment to, MemorySegment part, long n) {
    for (long i = 0; i < n; i++) {
      to.setAtIndex(FLOAT, i, to.getAtIndex(FLOAT, i) + part.getAtIndex(FLOAT, i));
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
