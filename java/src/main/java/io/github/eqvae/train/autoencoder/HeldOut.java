package io.github.eqvae.train.autoencoder;

import io.github.eqvae.data.Batch;
import io.github.eqvae.data.Loader;
import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;

/** One pass over held-out images, of which a batch at a time is in memory. */
public final class HeldOut implements AutoCloseable {
  private final Loader loader;
  private final int each;
  private final int batch;
  private int left;

  HeldOut(Loader loader, int each, int most, int batch) {
    this.loader = loader;
    this.each = each;
    this.left = most;
    this.batch = batch;
  }

  /**
   * The next images; broken ones are left out.
   *
   * @return {@code [n, side, side, channels]} in [-1, 1], n as asked for, less in the last batch;
   *     empty after it
   * @throws IOException if an image cannot be read at present
   */
  public Optional<float[]> next() throws IOException {
    float[] out = new float[Math.min(batch, left) * each];
    int count = 0;
    while (count * each < out.length) {
      Optional<Batch> one = loader.poll();
      if (one.isEmpty()) {
        left = count; // no more come
        break;
      }
      System.arraycopy(one.get().pixels(), 0, out, count++ * each, each);
    }
    left -= count;
    return count == 0 ? Optional.empty() : Optional.of(Arrays.copyOf(out, count * each));
  }

  @Override
  public void close() {
    loader.close();
  }
}
