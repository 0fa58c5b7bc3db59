/** Metrics of autoencoders (reconstruction, equivariance, latents) and of generated images. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.eval;
