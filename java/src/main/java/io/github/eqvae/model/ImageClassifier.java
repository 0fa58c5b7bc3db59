package io.github.eqvae.model;

import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;

/**
 * A classifier of eqvae. Its features compare generated images if Inception's weights are not
 * available, and generators can be aligned with those of its places.
 */
public interface ImageClassifier extends AutoCloseable {
  /**
   * Its shape.
   *
   * @return the config it was built with
   */
  ClassifierConfig config();

  /**
   * Its parameters.
   *
   * @return the store, closed with this
   */
  ParameterStore parameters();

  /**
   * Allocates buffers for a batch size in advance, because nothing may be allocated during graph
   * capture.
   *
   * @param stream orders the work
   * @param images images in a batch
   */
  default void prepare(Stream stream, int images) {}

  /**
   * The features.
   *
   * @param tape the tape
   * @param x {@code [N, side, side, channels]} in [-1, 1]
   * @return {@code [N, features]}
   */
  Tensor features(Tape tape, Tensor x);

  /**
   * The features of every place.
   *
   * @param tape the tape
   * @param x {@code [N, side, side, channels]} in [-1, 1]
   * @return {@code [N, places, places, features]}
   */
  Tensor places(Tape tape, Tensor x);

  /**
   * The logits of features that were computed before.
   *
   * @param tape the tape
   * @param features {@code [N, features]}
   * @return logits {@code [N, classes]}
   */
  Tensor answers(Tape tape, Tensor features);

  /**
   * The logits.
   *
   * @param tape the tape
   * @param x {@code [N, side, side, channels]} in [-1, 1]
   * @return logits {@code [N, classes]}
   */
  default Tensor logits(Tape tape, Tensor x) {
    return answers(tape, features(tape, x));
  }

  @Override
  void close();
}
