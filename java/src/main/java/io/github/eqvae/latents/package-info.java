/**
 * Latents on disk: shards, and the index that says what made them. It is below training, which
 * reads them, and knows no model.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.latents;
