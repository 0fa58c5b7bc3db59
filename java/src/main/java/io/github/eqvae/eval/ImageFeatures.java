package io.github.eqvae.eval;

import io.github.eqvae.io.Image;
import java.util.List;

/**
 * Turns images into numbers whose statistics are compared. What another extractor needs: this, and
 * a {@link Protocol} that says what its figures are called.
 */
public interface ImageFeatures extends AutoCloseable {
  /**
   * What the network gives of some images.
   *
   * @param pooled {@code [n, size]}
   * @param spatial {@code [n, spatialSize]}; empty where it has none
   * @param logits {@code [n, classes]}; empty where it has none
   */
  record Values(float[] pooled, float[] spatial, float[] logits) {}

  /**
   * Whose rules it follows.
   *
   * @return the protocol
   */
  Protocol protocol();

  /**
   * What network it is, for results: a distance means nothing without it.
   *
   * @return in a few words
   */
  String name();

  /**
   * How many numbers an image becomes.
   *
   * @return the length of a row
   */
  int size();

  /**
   * How many spatial numbers an image has, for the sFID.
   *
   * @return 0 where there are none
   */
  default int spatialSize() {
    return 0;
  }

  /**
   * Classes of the network, for the Inception score.
   *
   * @return 0 where it has none
   */
  default int classes() {
    return 0;
  }

  /**
   * Runs the network.
   *
   * @param images of any size
   * @return rows in the order of the images
   */
  Values of(List<Image> images);

  @Override
  void close();
}
