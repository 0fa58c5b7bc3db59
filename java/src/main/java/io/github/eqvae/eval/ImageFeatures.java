package io.github.eqvae.eval;

import io.github.eqvae.io.Image;
import java.util.List;

/**
 * Extracts features from images. A new extractor implements this interface and adds a {@link
 * Protocol} with the names of its metrics.
 */
public interface ImageFeatures extends AutoCloseable {
  /**
   * The network's outputs for images.
   *
   * @param pooled {@code [n, size]}
   * @param spatial {@code [n, spatialSize]}; empty if the network has none
   * @param logits {@code [n, classes]}; empty if the network has none
   */
  record Values(float[] pooled, float[] spatial, float[] logits) {}

  /**
   * The protocol that it follows.
   *
   * @return the protocol
   */
  Protocol protocol();

  /**
   * The name of the network, which results show beside each distance.
   *
   * @return a short text
   */
  String name();

  /**
   * The number of pooled features of an image.
   *
   * @return the length of a row
   */
  int size();

  /**
   * The number of spatial features of an image, for the sFID.
   *
   * @return 0 if there are none
   */
  default int spatialSize() {
    return 0;
  }

  /**
   * The number of the network's classes, for the Inception score.
   *
   * @return 0 if it has none
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
