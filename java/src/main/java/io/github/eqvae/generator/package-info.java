/** Networks that generate latents. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.generator;
