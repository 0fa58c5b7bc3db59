package io.github.eqvae.eval;

import java.util.Arrays;
import java.util.Optional;

/** Batches of images that are all in memory. */
final class ArrayBatches implements Evaluator.Batches {
  private final float[] images;
  private final int count;
  private final int perImage;
  private final int batch;
  private int start;

  ArrayBatches(float[] images, int count, int perImage, int batch) {
    this.images = images;
    this.count = count;
    this.perImage = perImage;
    this.batch = batch;
  }

  @Override
  public Optional<float[]> next() {
    int n = Math.min(batch, count - start);
    if (n <= 0) {
      return Optional.empty();
    }
    int from = start * perImage;
    start += n;
    return Optional.of(Arrays.copyOfRange(images, from, from + n * perImage));
  }
}
