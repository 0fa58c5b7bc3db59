package io.github.eqvae.train.checkpoint;

import java.io.IOException;
import java.nio.file.Path;

/** A checkpoint that must not be used: incomplete, changed since it was written, or unknown. */
public final class InvalidCheckpointException extends IOException {
  private static final long serialVersionUID = 1L;

  InvalidCheckpointException(Path directory, String reason) {
    super("checkpoint " + directory + " refused: " + reason);
  }

  InvalidCheckpointException(Path directory, String reason, Throwable cause) {
    super("checkpoint " + directory + " refused: " + reason, cause);
  }
}
