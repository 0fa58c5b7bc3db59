package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.generator.Alignment;

/**
 * The features with which a network's tokens were aligned in training (REPA).
 *
 * @param shape the shape of its projectors
 * @param network the feature network, such as {@code dinov2-base}
 * @param sha256 SHA-256 of the feature network's weights
 */
public record AlignmentOrigin(Alignment shape, String network, String sha256) {}
