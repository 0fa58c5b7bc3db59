/**
 * Latents on disk: images encoded once, in shards that training scripts read, and decoded again.
 * {@link io.github.eqvae.latents.EncodeJob} makes a folder of them, {@link
 * io.github.eqvae.latents.LatentFiles} reads one.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.latents;
