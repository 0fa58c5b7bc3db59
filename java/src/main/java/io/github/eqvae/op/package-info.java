/** The operations: one file each, with shape rule, forward and backward. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.op;
