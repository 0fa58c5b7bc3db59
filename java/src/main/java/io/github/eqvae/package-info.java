/** The exceptions every part of eqvae throws. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae;
