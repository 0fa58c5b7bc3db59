/**
 * Generators in files: tensors with the references' names, and settings that cannot be inferred
 * from tensors.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.generator.checkpoint;
