package io.github.eqvae.train;

import io.github.eqvae.nn.CompleteBuckets;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.OrderedAllReduce;
import io.github.eqvae.ranks.Overlap;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A group's gradients on their way into the sum of all ranks, through host memory. A bucket is sent
 * as soon as the backward pass has completed its parameters ({@link CompleteBuckets}).
 */
final class GradientBuckets implements AutoCloseable {
  private final Stream stream;
  private final Tensor flat;
  private final OrderedAllReduce sum;
  private final CompleteBuckets buckets;
  private boolean first;
  private boolean last;

  /**
   * Allocates the memory of the sum.
   *
   * @param store whose gradients
   * @param stream orders the work
   * @param ranks who takes part
   */
  GradientBuckets(ParameterStore store, Stream stream, Communicator ranks) {
    this.stream = stream;
    flat = store.gradients(stream);
    sum = ranks.orderedAllReduce(flat.shape().elements());
    buckets = new CompleteBuckets(store, stream, sum.begin(1), this::send);
  }

  /**
   * Begins with the gradients of a micro-batch, before their backward pass.
   *
   * @param early whether buckets are sent while the backward pass runs
   */
  void begin(MicroBatch at, boolean early) {
    first = at.first();
    last = at.last();
    buckets.begin(early);
  }

  /** After the backward pass: sends what is left. */
  void sendRest() {
    buckets.rest();
  }

  private void send(int least, int most) {
    long begin = sum.begin(least);
    long n = sum.begin(most + 1) - begin;
    MemorySegment host = sum.mine().asSlice(begin * Float.BYTES, n * Float.BYTES);
    flat.narrow(0, begin, n).copyTo(stream, host);
    stream.sync();
    for (int b = most; b >= least; b--) {
      sum.send(b, first, last);
    }
  }

  /** Waits for all. After the step's last micro-batch the store has the sum. */
  void await() {
    MemorySegment total = sum.await();
    if (last) {
      flat.copyFrom(stream, total);
    }
  }

  /** Whether this rank's last summands are not all finite. */
  boolean isOwnNotFinite() {
    MemorySegment floats = sum.mine();
    for (long i = 0; i < floats.byteSize() / Float.BYTES; i++) {
      if (!Float.isFinite(floats.getAtIndex(ValueLayout.JAVA_FLOAT, i))) {
        return true;
      }
    }
    return false;
  }

  Overlap.Times times() {
    return sum.times().withEarly(buckets.early());
  }

  @Override
  public void close() {
    buckets.close();
    sum.close();
  }
}
