package io.github.eqvae.serve;

import io.github.eqvae.tensor.Device;

/** The constant batch size for a network's evaluations. */
final class SampleRows {
  /** Enough to use a processor's cores; a GPU needs more. */
  private static final int OF_A_PROCESSOR = 16;

  private static final int OF_A_GPU = 64;

  private SampleRows() {}

  static int of(Device device) {
    return device.info().usesThreads() ? OF_A_PROCESSOR : OF_A_GPU;
  }
}
