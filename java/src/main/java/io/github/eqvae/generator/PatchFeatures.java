package io.github.eqvae.generator;

import io.github.eqvae.io.Image;
import java.util.List;

/**
 * What a frozen network sees in pictures: a row of numbers for each place of a square grid over
 * them. A generator's tokens are aligned with such features (REPA, arXiv 2410.06940).
 */
public interface PatchFeatures extends AutoCloseable {
  /**
   * What network it is.
   *
   * @return such as {@code dinov2-base}
   */
  String network();

  /**
   * Identifies its weights.
   *
   * @return SHA-256 over names, shapes and values of all parameters, the same for every naming that
   *     they may have in a file
   */
  String sha256();

  /**
   * What it sees of a picture.
   *
   * @return in a few words
   */
  String preprocessing();

  /**
   * Rows and columns of the grid.
   *
   * @return at least 1
   */
  int side();

  /**
   * Numbers of a place.
   *
   * @return the count
   */
  int width();

  /**
   * Runs the network.
   *
   * @param pictures squares of the size it was opened for
   * @return {@code [N, side, side, width]}, from top left, row by row
   */
  float[] of(List<Image> pictures);

  @Override
  void close();
}
