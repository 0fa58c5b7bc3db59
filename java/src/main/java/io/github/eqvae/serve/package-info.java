/**
 * Autoencoders behind a small interface, for programs that use them: {@link
 * io.github.eqvae.serve.Vae} loads a checkpoint of any kind, encodes and decodes from any number of
 * threads, and keeps what it allocated. Stable: what is public here changes only with the major
 * version.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.serve;
