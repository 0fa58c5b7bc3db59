/** Devices, streams, arenas and tensors. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.tensor;
