/**
 * The same networks and the same objective as eqvae's, composed of libtorch's functions: the second
 * opinion of the tests and the peer of the benchmarks. Written from the paper and the published
 * PyTorch sources, not from eqvae's classes.
 */
package io.github.eqvae.bench.torch;
