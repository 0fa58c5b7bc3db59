/** Benchmarks on a GPU against PyTorch in the same run. */
package io.github.eqvae.bench.gpu;
