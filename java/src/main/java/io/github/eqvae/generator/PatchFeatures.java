package io.github.eqvae.generator;

import io.github.eqvae.io.Image;
import java.util.List;
import java.util.Optional;

/**
 * Patch features of a frozen network: a feature vector for each cell of a square grid over a
 * picture. A generator's tokens are aligned with such features (REPA, arXiv 2410.06940).
 */
public interface PatchFeatures extends AutoCloseable {
  /**
   * The network's name.
   *
   * @return the name, such as {@code dinov2-base}
   */
  String network();

  /**
   * The hash of its weights.
   *
   * @return SHA-256 over names, shapes and values of all parameters; it does not depend on the
   *     names in the file
   */
  String sha256();

  /**
   * How its input is made from a picture.
   *
   * @return a short text
   */
  String preprocessing();

  /**
   * Whose way of fitting the table of positions the network follows.
   *
   * @return {@code timm}, {@code hub} or {@code transformers}; empty without such a table
   */
  default Optional<String> positions() {
    return Optional.empty();
  }

  /**
   * The rows and columns of the grid.
   *
   * @return at least 1
   */
  int side();

  /**
   * The length of a feature vector.
   *
   * @return the count
   */
  int width();

  /**
   * Runs the network.
   *
   * @param pictures square pictures of the size that it was opened for
   * @return {@code [N, side, side, width]}, row by row from the top left
   */
  float[] of(List<Image> pictures);

  @Override
  void close();
}
