package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;

/** Refuses samples with numbers that are NaN or infinite. */
final class FiniteSamples {
  private FiniteSamples() {}

  /** Checks {@code samples} consecutive samples; {@code what} is for the message. */
  static void require(float[] values, long first, int samples, String what) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new EqvaeException.Argument(
            "sample "
                + (first + i / (values.length / samples))
                + ": "
                + what
                + " is not finite (NaN or infinite): the network diverged, or the sampler is not"
                + " suitable for it. Its chunk was not written");
      }
    }
  }
}
