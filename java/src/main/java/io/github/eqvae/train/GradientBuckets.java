package io.github.eqvae.train;

import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.OrderedAllReduce;
import io.github.eqvae.ranks.Overlap;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A group's gradients on their way into the sum of all ranks. A bucket is sent as soon as the
 * backward pass has completed its parameters, while the pass goes on. Backward ends where the
 * network begins, and parameters are in the network's order, so the last bucket goes first; all
 * ranks send them in this order, even if others are complete earlier.
 */
final class GradientBuckets implements AutoCloseable {
  private final ParameterStore store;
  private final Stream stream;
  private final boolean early;
  private final Tensor flat;
  private final OrderedAllReduce sum;
  private final int[] parameters; // of each bucket, those that move
  private final int[] incomplete; // of them
  private boolean first;
  private boolean last;
  private int next; // to be sent
  private long sentEarly;

  /**
   * Allocates the memory of the sum.
   *
   * @param store whose gradients
   * @param stream orders the work
   * @param ranks who takes part
   * @param early whether buckets are sent while the backward pass runs; not if it runs as a graph
   */
  GradientBuckets(ParameterStore store, Stream stream, Communicator ranks, boolean early) {
    this.store = store;
    this.stream = stream;
    this.early = early;
    flat = store.gradients(stream);
    sum = ranks.orderedAllReduce(flat.shape().elements());
    parameters = new int[sum.buckets()];
    store.learned().stream().filter(p -> !p.isFrozen()).forEach(p -> count(p, parameters, 1));
    incomplete = parameters.clone();
  }

  /** Adds to the count of each bucket that has a part of a parameter. */
  private void count(Parameter p, int[] counts, int change) {
    long end = p.offset() + p.shape().elements();
    for (int b = bucket(p.offset()); b < counts.length && sum.begin(b) < end; b++) {
      counts[b] += change;
    }
  }

  private int bucket(long element) {
    int b = (int) (element / Math.max(1, sum.begin(1)));
    return Math.min(b, parameters.length - 1);
  }

  /** Begins with the gradients of a micro-batch, before their backward pass. */
  void begin(MicroBatch at) {
    first = at.first();
    last = at.last();
    next = sum.buckets() - 1;
    if (early) {
      System.arraycopy(parameters, 0, incomplete, 0, parameters.length);
      store.learned().forEach(p -> p.onComplete(this::completed));
    }
  }

  private void completed(Parameter p) {
    if (p.isFresh()) { // the loss does not depend on it
      p.gradient().fill(stream, 0);
      p.markWritten();
    }
    count(p, incomplete, -1);
    int from = next;
    while (next >= 0 && incomplete[next] == 0) {
      next--;
    }
    sentEarly += from - next;
    send(next + 1, from);
  }

  /** After the backward pass: sends what is left. */
  void sendRest() {
    store.learned().forEach(p -> p.onComplete(null));
    store.gradients(stream); // zeros where there is no gradient
    int from = next;
    next = -1;
    send(0, from);
  }

  private void send(int least, int most) {
    if (most < least) {
      return;
    }
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
    return sum.times().withEarly(sentEarly);
  }

  @Override
  public void close() {
    store.learned().forEach(p -> p.onComplete(null));
    sum.close();
  }
}
