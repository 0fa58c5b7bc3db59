/** The exceptions that all parts of eqvae throw. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae;
