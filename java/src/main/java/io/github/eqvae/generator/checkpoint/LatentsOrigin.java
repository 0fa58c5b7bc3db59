package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.model.LatentScaling;

/**
 * The origin of the latents that a generator was trained on, so that its samples can be decoded.
 *
 * @param autoencoder path of the autoencoder's weights in training
 * @param autoencoderSha256 the hash of these weights: {@code weights_sha256} of the latents' {@code
 *     index.json}
 * @param scaling how the autoencoder's latents were scaled for the network; {@code
 *     LatentScaling.of(1, 0)} for no scaling
 */
public record LatentsOrigin(String autoencoder, String autoencoderSha256, LatentScaling scaling) {}
