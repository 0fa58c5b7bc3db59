/**
 * Spatial transforms of latents and images, their random choice, and the equivariance objective.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.equivariance;
