package io.github.eqvae.data;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FileNames;
import io.github.eqvae.io.Image;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** Waits for pictures that other threads decode. */
public final class Decoded {
  private Decoded() {}

  /**
   * Waits for a picture.
   *
   * @param name the picture's name
   * @param image its decoding
   * @return the picture
   * @throws IOException if decoding failed
   */
  public static Image get(String name, Future<Image> image) throws IOException {
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
          "decoding " + FileNames.shown(name) + " failed", e.getCause());
    }
  }
}
