/** The report of a run: one self-contained HTML file. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.train.report;
