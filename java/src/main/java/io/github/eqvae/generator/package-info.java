/** Generator networks: DiT, SiT, MaskGIT, and the feature networks of REPA. */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.generator;
