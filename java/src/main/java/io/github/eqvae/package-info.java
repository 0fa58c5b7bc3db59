/** What all parts of eqvae use: the exceptions they throw, and how messages name commands. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae;
