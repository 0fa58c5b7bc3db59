package io.github.eqvae.serve;

import io.github.eqvae.tensor.Device;

/** How many samples a network is always asked for at once. */
final class SampleRows {
  /** Enough for a processor to be busy; a GPU wants more. */
  private static final int OF_A_PROCESSOR = 16;

  private static final int OF_A_GPU = 64;

  private SampleRows() {}

  static int of(Device device) {
    return device.info().usesThreads() ? OF_A_PROCESSOR : OF_A_GPU;
  }
}
