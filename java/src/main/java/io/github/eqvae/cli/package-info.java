/** The command line: one file per command. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.cli;
