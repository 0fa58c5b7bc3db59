/** Measuring autoencoders: reconstruction, equivariance, latents. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.eval;
