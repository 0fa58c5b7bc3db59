/** Parameters and layers. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.nn;
