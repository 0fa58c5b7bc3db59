package io.github.eqvae.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Ctrl-C (and a polite kill) while training: asks the run to stop, waits until its state is saved,
 * and ends the process with exit code 0. A second Ctrl-C has no effect; `kill -9` is safe too, it
 * only loses the steps since the last checkpoint.
 */
final class StopSignal implements AutoCloseable {
  private static final long PATIENCE_MINUTES = 10;

  private final CountDownLatch finished = new CountDownLatch(1);
  private final Thread hook;
  private volatile boolean failed;

  StopSignal(Runnable requestStop) {
    hook =
        new Thread(
            () -> {
              System.err.println("\neqvae: stopping after this step; the state will be saved");
              requestStop.run();
              boolean saved = false;
              try {
                saved = finished.await(PATIENCE_MINUTES, TimeUnit.MINUTES);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              System.err.flush();
              System.out.flush();
              Runtime.getRuntime().halt(saved && !failed ? 0 : 1);
            },
            "eqvae-stop");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Says that the run ended with an error, so that a pending stop does not end with 0. */
  void failed() {
    failed = true;
  }

  /** The run is over. If the process is being stopped this does not return before it ends. */
  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException stopping) {
      finished.countDown(); // the hook is waiting for this and ends the process
    }
  }
}
