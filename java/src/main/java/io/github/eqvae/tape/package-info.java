/** Reverse-mode differentiation over a recorded list of operations. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.tape;
