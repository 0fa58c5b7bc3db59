package io.github.eqvae.nn;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
import io.github.eqvae.ranks.Overlap;
import io.github.eqvae.tensor.DeviceCommunicator;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.tensor.TensorArena;
import org.jspecify.annotations.Nullable;

/**
 * The sum of the gradients of all ranks, on their GPUs. In the order of the ranks it has the bits
 * of one rank that adds the same summands one after the other ({@link GradientTotal}), like {@link
 * io.github.eqvae.ranks.OrderedAllReduce} in host memory: round by round, and within a round rank
 * by rank.
 *
 * <p>The numbers are divided into buckets, and each bucket into one share per rank. A rank receives
 * its share from all others and adds up; at the end the shares are gathered. All this is work of
 * NCCL's stream, beside the backward pass if that hands on buckets while it runs ({@link
 * CompleteBuckets}). The buckets change the speed and the memory for what is received, never the
 * bits, unless NCCL adds.
 */
public final class GradientAllReduce implements AutoCloseable {
  /**
   * NCCL needs larger messages than a network of processors does: 32 MiB if nothing else is said.
   */
  private static final int TIMES = 8;

  private final ParameterStore store;
  private final Stream stream;
  private final DeviceCommunicator ranks;
  private final long bucket;
  private final CompleteBuckets buckets;
  private final long share; // of a rank in a bucket, at most
  private final @Nullable Tensor sums; // for each bucket, the shares of all ranks
  private final @Nullable Tensor received; // the shares of one bucket, by rank
  private final NonFiniteCount own;
  private boolean first;
  private boolean last;

  /**
   * Allocates what is needed.
   *
   * @param store whose gradients
   * @param stream orders their computation
   * @param ranks who takes part
   * @param arena where sums live
   * @param ordered whether to add in the order of the ranks; otherwise NCCL adds, in an order of
   *     its own, in place
   */
  public GradientAllReduce(
      ParameterStore store,
      Stream stream,
      DeviceCommunicator ranks,
      TensorArena arena,
      boolean ordered) {
    this(store, stream, ranks, arena, ordered, TIMES * ranks.ranks().bucketBytes() / Float.BYTES);
  }

  /** With buckets of so many numbers at most. */
  GradientAllReduce(
      ParameterStore store,
      Stream stream,
      DeviceCommunicator ranks,
      TensorArena arena,
      boolean ordered,
      long most) {
    this.store = store;
    this.stream = stream;
    this.ranks = ranks;
    int size = ranks.ranks().size();
    long elements = store.values().shape().elements();
    bucket = Math.min(most, elements);
    share = (bucket + size - 1) / size;
    buckets = new CompleteBuckets(store, stream, bucket, this::send);
    long count = (elements + bucket - 1) / bucket;
    sums = ordered ? arena.tensor(Shape.of(count * size * share)) : null;
    received = ordered ? arena.tensor(Shape.of(size * share)) : null;
    own = new NonFiniteCount(arena);
  }

  /**
   * Begins with the gradients of a micro-batch, before they are computed.
   *
   * @param begins whether the sum begins with them
   * @param ends whether it ends with them: it is then where the gradients were. If NCCL adds, only
   *     then anything is sent
   * @param early whether buckets are sent while the backward pass runs; not if it runs as a graph
   */
  public void begin(boolean begins, boolean ends, boolean early) {
    first = begins;
    last = ends;
    own.clear(stream);
    buckets.begin(early);
  }

  /** After the backward pass: sends what is left. */
  public void sendRest() {
    buckets.rest();
  }

  private void send(int least, int most) {
    Tensor gradients = flat(store.gradients(stream));
    for (int b = most; b >= least; b--) {
      own.add(stream, bucket(gradients, b));
    }
    ranks.stream().waitFor(stream);
    for (int b = most; b >= least; b--) {
      Tensor part = bucket(gradients, b);
      if (sums == null || received == null) {
        if (last) {
          ranks.allReduce(part, part);
        }
      } else {
        long n = received.shape().elements();
        Tensor sum = sums.narrow(0, b * n, n);
        add(part, sum);
        if (last) {
          gather(part, sum);
        }
      }
    }
  }

  private Tensor bucket(Tensor gradients, long index) {
    long from = index * bucket;
    return gradients.narrow(0, from, Math.min(bucket, gradients.shape().elements() - from));
  }

  /** Waits for the sum; the stream's later work does, too. */
  public void await() {
    ranks.await();
    stream.waitFor(ranks.stream());
  }

  private static Tensor flat(Tensor tensor) {
    return tensor.reshape(Shape.of(tensor.shape().elements()));
  }

  /** The share of a rank in a bucket; null where a small one has none for it. */
  private @Nullable Tensor share(Tensor of, int rank) {
    long begin = Math.min(rank * share, of.shape().elements());
    long end = Math.min(begin + share, of.shape().elements());
    return end > begin ? of.narrow(0, begin, end - begin) : null;
  }

  /** Receives this rank's share from all, and adds up in their order. */
  private void add(Tensor gradients, Tensor sum) {
    int size = ranks.ranks().size();
    int rank = ranks.ranks().rank();
    @Nullable Tensor[] out = new Tensor[size];
    @Nullable Tensor[] in = new Tensor[size];
    @Nullable Tensor mine = share(gradients, rank);
    for (int r = 0; r < size; r++) {
      if (r != rank) {
        out[r] = share(gradients, r);
        in[r] =
            mine == null || received == null
                ? null
                : received.narrow(0, r * share, mine.shape().elements());
      }
    }
    ranks.exchange(out, in);
    if (mine == null) {
      return;
    }
    Stream adds = ranks.stream();
    Tensor to = sum.narrow(0, rank * share, mine.shape().elements());
    for (int r = 0; r < size; r++) {
      Tensor summand = in[r] == null ? mine : in[r];
      if (first && r == 0) {
        summand.copyTo(adds, to);
      } else {
        adds.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(1).f32(1).run(to, summand, to);
      }
    }
  }

  /** Gathers the shares of a bucket, with what follows short ones: all have one length there. */
  private void gather(Tensor gradients, Tensor sum) {
    ranks.allGather(sum.narrow(0, ranks.ranks().rank() * share, share), sum);
    sum.narrow(0, 0, gradients.shape().elements()).copyTo(ranks.stream(), gradients);
  }

  /**
   * Whether this rank's own last summands are not all finite. Waits for the stream.
   *
   * @return true if one is NaN or infinite
   */
  public boolean isOwnNotFinite() {
    return own.total().item(stream) > 0;
  }

  /**
   * What was sent.
   *
   * @return counts of buckets, without bytes and times: those are NCCL's
   */
  public Overlap.Times times() {
    return new Overlap.Times(buckets.total(), buckets.early(), 0, 0, 0);
  }

  /** The backward pass no longer hands on buckets. */
  @Override
  public void close() {
    buckets.close();
  }
}
