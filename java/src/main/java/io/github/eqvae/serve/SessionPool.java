package io.github.eqvae.serve;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Device;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Sessions and their threads. Any thread may call, also virtual ones; calls wait in the order of
 * their arrival. The pool's threads compute, so that native libraries always see the same threads.
 */
final class SessionPool implements AutoCloseable {
  private final Device device;
  private final BlockingQueue<Session> idle = new LinkedBlockingQueue<>();
  private final List<Session> all = new ArrayList<>();
  private final ExecutorService workers;

  /**
   * Creates the sessions.
   *
   * @param device the device, which stays the caller's: the pool shares it with a handle that has
   *     the threads of one session
   * @param sessions number of sessions
   */
  SessionPool(Device device, int sessions) {
    this.device = device.share(Math.max(1, device.info().threads() / sessions));
    AtomicInteger number = new AtomicInteger();
    workers =
        Executors.newFixedThreadPool(
            sessions,
            task -> {
              Thread thread = new Thread(task, "eqvae-session-" + number.getAndIncrement());
              thread.setDaemon(true);
              return thread;
            });
    try {
      for (int i = 0; i < sessions; i++) {
        all.add(new Session(this.device));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
    idle.addAll(all);
  }

  Device device() {
    return device;
  }

  /** Submits work, which waits for a session. */
  <T> Future<T> submit(Session.Work<T> work) {
    try {
      return workers.submit(
          () -> {
            Session session =
                idle.remove(); // there are as many sessions as workers, so one is free
            try {
              return work.on(session);
            } finally {
              session.reset();
              idle.add(session);
            }
          });
    } catch (RejectedExecutionException e) {
      throw new EqvaeException.Argument("This model was closed; load it again to use it");
    }
  }

  /** Waits for the result, also after an interrupt, which is restored for the caller. */
  static <T> T await(Future<T> future) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          throw rethrow(e.getCause());
        } catch (CancellationException e) {
          throw new EqvaeException.Internal("a call was cancelled", e);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Adds the caller's stack trace. */
  private static RuntimeException rethrow(Throwable cause) {
    cause.addSuppressed(new Throwable("called from here"));
    return switch (cause) {
      case RuntimeException e -> e;
      case Error e -> throw e;
      default -> new EqvaeException.Internal("a call failed in an unexpected way", cause);
    };
  }

  /** Waits for all calls, also those that wait for a session; later calls are refused. */
  @Override
  public void close() {
    workers.shutdown();
    boolean interrupted = false;
    while (!workers.isTerminated()) {
      try {
        workers.awaitTermination(1, TimeUnit.DAYS);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    all.forEach(Session::close);
    all.clear();
    device.close();
  }
}
