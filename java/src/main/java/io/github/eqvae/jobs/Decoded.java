package io.github.eqvae.jobs;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Sample;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Image;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** Waits for pictures that other threads decode. */
final class Decoded {
  private Decoded() {}

  /**
   * Waits for a picture.
   *
   * @param sample the picture's sample
   * @param image its decoding
   * @return the picture
   * @throws IOException if decoding failed
   */
  static Image get(Sample sample, Future<Image> image) throws IOException {
    try {
      return image.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException failed) {
        throw failed;
      }
      if (e.getCause() instanceof EqvaeException known) {
        throw known;
      }
      throw new EqvaeException.Internal(
          "decoding " + FileNames.shown(sample.name()) + " failed", e.getCause());
    }
  }
}
