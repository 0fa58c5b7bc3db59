package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.model.LatentScaling;

/**
 * Whose latents a generator was taught, so that what it makes can be decoded.
 *
 * @param autoencoder where its weights lay, to be looked for there
 * @param autoencoderSha256 what identifies them: {@code weights_sha256} of the latents' {@code
 *     index.json}
 * @param scaling how the autoencoder's latents became what the network saw; {@code
 *     LatentScaling.of(1, 0)} for no scaling
 */
public record LatentsOrigin(String autoencoder, String autoencoderSha256, LatentScaling scaling) {}
