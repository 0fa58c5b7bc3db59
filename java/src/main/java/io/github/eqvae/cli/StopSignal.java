package io.github.eqvae.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/**
 * Ctrl-C (and SIGTERM) while training: asks the run to stop and waits until its state is saved. The
 * process then ends with the exit code that signals have everywhere (130 after Ctrl-C, 143 after
 * SIGTERM), so that a script does not take a stopped run for a finished one; with 1 if saving
 * failed. A second Ctrl-C has no effect; `kill -9` is safe too, it only loses the steps since the
 * last checkpoint.
 */
final class StopSignal implements AutoCloseable {
  private static final long PATIENCE_MINUTES = 10;
  private static final long ERROR_MILLIS = 2000;

  private final CountDownLatch finished = new CountDownLatch(1);
  private final Thread hook;
  private final Thread owner = Thread.currentThread();
  private volatile boolean saved;

  /**
   * Starts listening.
   *
   * @param requestStop asks the run to stop after its step
   * @param text the message after its state is saved
   * @param release what is left to do then
   */
  StopSignal(Runnable requestStop, Supplier<String> text, Runnable release) {
    this(requestStop, text, release, true);
  }

  /**
   * Starts listening for a process that others speak for.
   *
   * @param requestStop asks the run to stop after its step
   */
  StopSignal(Runnable requestStop) {
    this(requestStop, () -> "", () -> {}, false);
  }

  private StopSignal(
      Runnable requestStop, Supplier<String> text, Runnable release, boolean speaks) {
    hook =
        new Thread(
            () -> {
              if (speaks) {
                System.err.println("\neqvae: stopping after this step; the state will be saved");
              }
              requestStop.run();
              boolean done = false;
              try {
                done = finished.await(PATIENCE_MINUTES, TimeUnit.MINUTES);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              boolean well = done && this.saved;
              if (well && speaks) {
                System.err.println("eqvae: " + text.get());
              }
              release.run();
              System.err.flush();
              System.out.flush();
              if (!well) {
                waitForError();
                Runtime.getRuntime().halt(1);
              }
            },
            "eqvae-stop");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /**
   * The thread never returns, because it waits for the end of the process; but first it prints what
   * failed.
   */
  private void waitForError() {
    try {
      owner.join(ERROR_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Signals that everything is saved; without it the process ends with a failure. */
  void saved() {
    saved = true;
  }

  /** The run is over. If the process is being stopped this does not return before it ends. */
  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException stopping) {
      finished.countDown();
      while (saved) {
        LockSupport.park();
      }
    }
  }
}
