package io.github.eqvae.bench.gpu;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** PyTorch's process, if there is one. A new one is started if it has ended. */
final class Peers implements AutoCloseable {
  /** Starts a process. */
  @FunctionalInterface
  interface Start {
    TorchPeer now() throws IOException;
  }

  private final @Nullable Start start;
  private @Nullable TorchPeer running;

  Peers(@Nullable Start start) throws IOException {
    this.start = start;
    running = start == null ? null : start.now();
  }

  @Nullable TorchPeer get() {
    return running;
  }

  void restart() throws IOException {
    close();
    running = start == null ? null : start.now();
  }

  @Override
  public void close() {
    if (running != null) {
      running.close();
      running = null;
    }
  }
}
