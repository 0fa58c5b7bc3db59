/**
 * Benchmarks against libtorch, and the libtorch composition of the training objective that the
 * tests compare with.
 */
package io.github.eqvae.bench;
