/** Benchmarks of eqvae's operations and training steps, each with its libtorch peer. */
package io.github.eqvae.bench;
