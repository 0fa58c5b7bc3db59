/** All kinds of recipes there are, for who does not know which one a file is. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.train.kinds;
