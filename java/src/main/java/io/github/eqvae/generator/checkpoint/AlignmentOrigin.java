package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.generator.Alignment;

/**
 * With what features a network's tokens were aligned while it was trained (REPA).
 *
 * @param shape where its projectors stand, and how wide they are
 * @param network what gave the features, such as {@code dinov2-base}
 * @param sha256 of that network's weights
 */
public record AlignmentOrigin(Alignment shape, String network, String sha256) {}
