/** The networks: autoencoders, the discriminator, the perceptual distance. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.model;
