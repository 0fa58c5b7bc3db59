package io.github.eqvae.train.generator;

import io.github.eqvae.model.LatentScaling;
import java.nio.file.Path;
import java.util.Optional;

/** Where what a generator is trained on came from. */
interface LatentsSource {
  /** SHA-256 of the autoencoder's weights; empty if the index does not say. */
  Optional<String> weights();

  /** Where those weights lay. */
  Optional<Path> model();

  /** How what the network makes becomes the autoencoder's latents again. */
  LatentScaling wholeScaling();

  /** The features that a network is aligned with; empty of most. */
  default Optional<AlignmentTargets> targets() {
    return Optional.empty();
  }

  /** Pictures, those that are held out included. */
  int images();
}
