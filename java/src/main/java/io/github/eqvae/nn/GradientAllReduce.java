package io.github.eqvae.nn;

import io.github.eqvae.ffi.Fn;
import io.github.eqvae.ffi.Struct;
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
 * its share from all others and adds up; at the end the shares are gathered. The buckets change the
 * speed and the memory for what is received, never the bits.
 */
public final class GradientAllReduce {
  /**
   * NCCL needs larger messages than a network of processors does: 32 MiB if nothing else is said.
   */
  private static final int TIMES = 8;

  private final ParameterStore store;
  private final DeviceCommunicator ranks;
  private final long elements;
  private final long bucket;
  private final long share; // of a rank in a bucket, at most
  private final @Nullable Tensor sums; // for each bucket, the shares of all ranks
  private final @Nullable Tensor received; // the shares of one bucket, by rank
  private final NonFiniteCount own;

  /**
   * Allocates what is needed.
   *
   * @param store whose gradients
   * @param ranks who takes part
   * @param arena where sums live
   * @param ordered whether to add in the order of the ranks; otherwise NCCL adds, in an order of
   *     its own, in place
   */
  public GradientAllReduce(
      ParameterStore store, DeviceCommunicator ranks, TensorArena arena, boolean ordered) {
    this(store, ranks, arena, ordered, TIMES * ranks.ranks().bucketBytes() / Float.BYTES);
  }

  /** With buckets of so many numbers at most. */
  GradientAllReduce(
      ParameterStore store,
      DeviceCommunicator ranks,
      TensorArena arena,
      boolean ordered,
      long most) {
    this.store = store;
    this.ranks = ranks;
    int size = ranks.ranks().size();
    elements = store.values().shape().elements();
    bucket = Math.min(most, elements);
    share = (bucket + size - 1) / size;
    long buckets = (elements + bucket - 1) / bucket;
    sums = ordered ? arena.tensor(Shape.of(buckets * size * share)) : null;
    received = ordered ? arena.tensor(Shape.of(size * share)) : null;
    own = new NonFiniteCount(arena);
  }

  /**
   * Adds the gradients of all ranks, and waits for them.
   *
   * @param stream orders the work; its later work waits for the sum
   * @param first whether the sum begins with them
   * @param last whether it ends: the sum is then where the gradients were. If NCCL adds, only then
   *     anything is sent
   */
  public void add(Stream stream, boolean first, boolean last) {
    Tensor gradients = store.gradients(stream);
    own.clear(stream);
    own.add(stream, gradients);
    ranks.stream().waitFor(stream);
    if (sums == null || received == null) {
      if (last) {
        ranks.allReduce(gradients, gradients);
      }
    } else {
      for (long b = 0, from = 0; from < elements; b++, from += bucket) {
        Tensor part = flat(gradients).narrow(0, from, Math.min(bucket, elements - from));
        add(
            part,
            sums.narrow(0, b * received.shape().elements(), received.shape().elements()),
            first);
        if (last) {
          gather(
              part, sums.narrow(0, b * received.shape().elements(), received.shape().elements()));
        }
      }
    }
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
  private void add(Tensor gradients, Tensor sum, boolean first) {
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
    Stream stream = ranks.stream();
    Tensor to = sum.narrow(0, rank * share, mine.shape().elements());
    for (int r = 0; r < size; r++) {
      Tensor summand = in[r] == null ? mine : in[r];
      if (first && r == 0) {
        summand.copyTo(stream, to);
      } else {
        stream.launch(Fn.AXPBY, Struct.AXPBY_PARAMS).f32(1).f32(1).run(to, summand, to);
      }
    }
  }

  /** Gathers the shares of a bucket, with what is behind short ones: all have one length there. */
  private void gather(Tensor gradients, Tensor sum) {
    ranks.allGather(sum.narrow(0, ranks.ranks().rank() * share, share), sum);
    sum.narrow(0, 0, gradients.shape().elements()).copyTo(ranks.stream(), gradients);
  }

  /**
   * Whether this rank's own last summands are not all finite.
   *
   * @param stream the stream of {@link #add}, for which this waits
   * @return true if one is NaN or infinite
   */
  public boolean isOwnNotFinite(Stream stream) {
    return own.total().item(stream) > 0;
  }
}
