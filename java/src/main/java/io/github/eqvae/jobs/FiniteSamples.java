package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;

/** Refuses samples with numbers that are NaN or infinite. */
final class FiniteSamples {
  private FiniteSamples() {}

  /** Of {@code samples} samples whose numbers are side by side; {@code what} is for the message. */
  static void require(float[] values, long first, int samples, String what) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new EqvaeException.Argument(
            "sample "
                + (first + i / (values.length / samples))
                + ": "
                + what
                + " is not finite (NaN or infinite): the network diverged, or the sampler does not"
                + " fit it. Nothing of its chunk was written");
      }
    }
  }
}
