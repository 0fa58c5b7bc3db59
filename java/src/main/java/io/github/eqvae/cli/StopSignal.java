package io.github.eqvae.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

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

  /**
   * Starts listening.
   *
   * @param requestStop asks the run to stop after its step
   * @param saved what to say once its state is saved
   */
  StopSignal(Runnable requestStop, Supplier<String> saved) {
    hook =
        new Thread(
            () -> {
              System.err.println("\neqvae: stopping after this step; the state will be saved");
              requestStop.run();
              boolean done = false;
              try {
                done = finished.await(PATIENCE_MINUTES, TimeUnit.MINUTES);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              if (done && !failed) {
                System.err.println("eqvae: " + saved.get());
              }
              System.err.flush();
              System.out.flush();
              Runtime.getRuntime().halt(done && !failed ? 0 : 1);
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
