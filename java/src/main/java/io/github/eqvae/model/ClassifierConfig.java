package io.github.eqvae.model;

import io.github.eqvae.tensor.Stream;

/** The shape of a classifier of eqvae, whatever its network is. */
public interface ClassifierConfig {
  /** The largest side of images. */
  int LARGEST_SIDE = 1024;

  /** The largest width of a network. */
  int WIDEST = 1024;

  /** The largest number of classes. */
  int MOST_CLASSES = 1_000_000;

  /**
   * Channels of the images.
   *
   * @return 1 for gray, 3 for RGB
   */
  int channels();

  /**
   * Rows and columns of the images.
   *
   * @return in pixels
   */
  int side();

  /**
   * The number of classes.
   *
   * @return at least 2
   */
  int classes();

  /**
   * The number of features of an image, and of each of its places.
   *
   * @return the count
   */
  int features();

  /**
   * Rows and columns of the grid of places that have features.
   *
   * @return at least 1
   */
  int places();

  /**
   * The name of this kind of classifier.
   *
   * @return {@code classifier} for the convolutional one, {@code vit classifier}
   */
  String title();

  /**
   * The network's own numbers, for a person.
   *
   * @return such as {@code convolutional, width 16}
   */
  String describe();

  /**
   * What a file says of this network.
   *
   * @return the kind and all numbers
   */
  ClassifierMetadata metadata();

  /**
   * Builds the network with random weights.
   *
   * @param stream orders the work; its device holds the parameters
   * @param seed of the random weights
   * @param training whether to keep memory for gradients
   * @return the network, which the caller closes
   */
  ImageClassifier build(Stream stream, long seed, boolean training);
}
