/** All kinds of recipes, for code that does not know the kind of a file beforehand. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.train.kinds;
