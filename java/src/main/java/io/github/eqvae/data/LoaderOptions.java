package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;

/**
 * The shape of batches, and how they are prepared.
 *
 * @param batchSize samples in a batch
 * @param height rows of a sample
 * @param width columns of a sample
 * @param channels 1 or 3; pictures are converted
 * @param seed the run's seed
 * @param threads threads that decode
 * @param ahead batches prepared ahead of the one in use
 */
public record LoaderOptions(
    int batchSize, int height, int width, int channels, long seed, int threads, int ahead) {
  /**
   * Checks the options.
   *
   * @throws EqvaeException.Argument if one is out of range
   */
  public LoaderOptions {
    if (batchSize < 1 || height < 1 || width < 1 || threads < 1 || ahead < 1) {
      throw new EqvaeException.Argument(
          "batch size "
              + batchSize
              + ", "
              + width
              + "x"
              + height
              + ", "
              + threads
              + " threads, "
              + ahead
              + " ahead; expected each at least 1");
    }
    if (channels != 1 && channels != 3) {
      throw new EqvaeException.Argument(channels + " channels, expected 1 or 3");
    }
    if ((long) batchSize * height * width * channels > Integer.MAX_VALUE - 8) {
      throw new EqvaeException.Argument(
          "a batch of "
              + batchSize
              + "x"
              + height
              + "x"
              + width
              + "x"
              + channels
              + " does not fit in a Java array; reduce it");
    }
  }

  /**
   * Two threads, two batches ahead.
   *
   * @param batchSize samples in a batch
   * @param height rows of a sample
   * @param width columns of a sample
   * @param channels 1 or 3
   * @param seed the run's seed
   * @return the options
   */
  public static LoaderOptions of(int batchSize, int height, int width, int channels, long seed) {
    return new LoaderOptions(batchSize, height, width, channels, seed, 2, 2);
  }

  /** Floats in a sample. */
  int sampleLength() {
    return height * width * channels;
  }
}
