/**
 * Latents on disk: shards, and the index that records how they were made. Training uses this
 * package; it does not depend on training or on any model.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.latents;
