package io.github.eqvae.train.generator;

import io.github.eqvae.model.LatentScaling;
import java.nio.file.Path;
import java.util.Optional;

/** The origin of a generator's training data. */
interface LatentsSource {
  /** SHA-256 of the autoencoder's weights; empty if the index does not say. */
  Optional<String> weights();

  /** The path of those weights at that time. */
  Optional<Path> model();

  /** The scaling that turns the network's results into the autoencoder's latents again. */
  LatentScaling wholeScaling();

  /**
   * The features that the network is aligned with.
   *
   * @return empty for most networks
   */
  default Optional<AlignmentTargets> targets() {
    return Optional.empty();
  }

  /** The number of pictures, held-out ones included. */
  int images();
}
