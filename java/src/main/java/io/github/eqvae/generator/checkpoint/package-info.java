/**
 * Generators in files: their tensors under the names of the references, and what these do not tell.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.generator.checkpoint;
