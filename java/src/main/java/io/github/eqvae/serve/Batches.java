package io.github.eqvae.serve;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;

/** Divides a call into batches that run in the sessions of a pool. */
final class Batches {
  private final SessionPool pool;
  private final int size;

  /**
   * Creates batches.
   *
   * @param pool the sessions
   * @param size images per batch
   */
  Batches(SessionPool pool, int size) {
    this.pool = pool;
    this.size = size;
  }

  /** Batches of one image: with tiles, the memory is sized for a single image. */
  Batches single() {
    return new Batches(pool, 1);
  }

  /** Computes a batch. */
  @FunctionalInterface
  interface Work<T> {
    T on(Session session, int from, int to);
  }

  /** Stores the result of a batch. */
  @FunctionalInterface
  interface Sink<T> {
    void put(int from, T part);
  }

  /** Divides [0, count) into batches, runs them and stores their results. */
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
      } catch (
          RuntimeException
              e) { // waits for the other batches, so that none is still running after the call
        failure = failure == null ? e : failure;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
