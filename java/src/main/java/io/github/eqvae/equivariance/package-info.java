/**
 * Spatial transforms of latents and images, how they are drawn, and the objective that asks for
 * equivariance.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.equivariance;
