package io.github.eqvae.train.autoencoder;

import io.github.eqvae.train.BatchSource;
import java.io.IOException;

/** Where batches of images come from. The content of a batch must be a function of its index. */
@FunctionalInterface
public interface ImageBatches {
  /**
   * Fills a batch.
   *
   * @param index which batch, from 0
   * @param images receives {@code [N, H, W, C]} in [-1, 1]
   * @throws IOException when the data cannot be read
   */
  void load(long index, float[] images) throws IOException;

  /**
   * The batches as an {@link AutoencoderTask} wants them.
   *
   * @param images fills a batch
   * @return the source
   */
  static BatchSource of(ImageBatches images) {
    return (index, batch) -> images.load(index, batch.floats(AutoencoderTask.IMAGES));
  }
}
