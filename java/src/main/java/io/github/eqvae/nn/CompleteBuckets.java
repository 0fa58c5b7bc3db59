package io.github.eqvae.nn;

import io.github.eqvae.tensor.Stream;

/**
 * A store's gradients in buckets of one size, each of which is handed on as soon as the backward
 * pass has completed its parameters, while the pass goes on. Backward ends where the network
 * begins, and parameters are in the network's order, so the last bucket goes first. Buckets go in
 * this order even if others are complete earlier: all ranks then hand on the same.
 */
public final class CompleteBuckets implements AutoCloseable {
  /** Takes buckets. */
  public interface Receiver {
    /**
     * Takes buckets whose gradients are complete.
     *
     * @param least the first of them
     * @param most the last of them, which has to go first
     */
    void take(int least, int most);
  }

  private final ParameterStore store;
  private final Stream stream;
  private final long size;
  private final Receiver receiver;
  private final int[] parameters; // of each bucket, those that move
  private final int[] incomplete; // of them
  private int next; // to be handed on
  private long total;
  private long early;

  /**
   * Divides the gradients.
   *
   * @param store whose gradients
   * @param stream orders the work
   * @param size numbers in a bucket; the last one may have fewer
   * @param receiver takes the buckets
   */
  public CompleteBuckets(ParameterStore store, Stream stream, long size, Receiver receiver) {
    this.store = store;
    this.stream = stream;
    this.size = size;
    this.receiver = receiver;
    long elements = store.values().shape().elements();
    parameters = new int[Math.toIntExact((elements + size - 1) / size)];
    store.learned().stream().filter(p -> !p.isFrozen()).forEach(p -> count(p, parameters, 1));
    incomplete = parameters.clone();
  }

  /** Adds to the count of each bucket that has a part of a parameter. */
  private void count(Parameter p, int[] counts, int change) {
    long end = p.offset() + p.shape().elements();
    for (int b = (int) (p.offset() / size); b < counts.length && b * size < end; b++) {
      counts[b] += change;
    }
  }

  /**
   * Begins with the gradients of a micro-batch, before their backward pass.
   *
   * @param soon whether buckets are handed on while the pass runs; not if it runs as a graph
   */
  public void begin(boolean soon) {
    next = parameters.length - 1;
    total += parameters.length;
    if (soon) {
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
    early += from - next;
    hand(next + 1, from);
  }

  /** After the backward pass: hands on what is left. */
  public void rest() {
    close();
    store.gradients(stream); // zeros where there is no gradient
    int from = next;
    next = -1;
    hand(0, from);
  }

  private void hand(int least, int most) {
    if (most >= least) {
      receiver.take(least, most);
    }
  }

  /**
   * How many buckets there were so far.
   *
   * @return the count, over all micro-batches
   */
  public long total() {
    return total;
  }

  /**
   * How many of them were handed on while the backward pass ran.
   *
   * @return the count
   */
  public long early() {
    return early;
  }

  /** The backward pass no longer tells what it completes. */
  @Override
  public void close() {
    store.learned().forEach(p -> p.onComplete(null));
  }
}
