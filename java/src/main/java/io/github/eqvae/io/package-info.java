/**
 * Files: safetensors, images, atomic writes. Nothing read here is trusted: sizes are checked before
 * anything is allocated.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.io;
