package io.github.eqvae.serve;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;

/** Cuts a call into batches that run in the sessions of a pool. */
final class Batches {
  private final SessionPool pool;
  private final int size;

  /**
   * Remembers where.
   *
   * @param pool the sessions
   * @param size images that go through the network at once
   */
  Batches(SessionPool pool, int size) {
    this.pool = pool;
    this.size = size;
  }

  /** One at a time: with tiles, an image takes all the memory that there is to be. */
  Batches single() {
    return new Batches(pool, 1);
  }

  /** Computes a part. */
  @FunctionalInterface
  interface Work<T> {
    T on(Session session, int from, int to);
  }

  /** Puts a part where it belongs. */
  @FunctionalInterface
  interface Sink<T> {
    void put(int from, T part);
  }

  /** Cuts [0, count) into batches, and takes all results. */
  <T> void each(int count, Work<T> work, Sink<T> sink) {
    List<Future<T>> parts = new ArrayList<>();
    for (int i = 0; i < count; i += size) {
      int from = i;
      int to = Math.min(count, from + size);
      parts.add(pool.submit(session -> work.on(session, from, to)));
    }
    RuntimeException failure = null;
    for (int i = 0; i < parts.size(); i++) {
      try {
        T part = SessionPool.await(parts.get(i));
        if (failure == null) {
          sink.put(i * size, part);
        }
      } catch (RuntimeException e) { // the others are waited for, too: nothing goes on unseen
        failure = failure == null ? e : failure;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
