/**
 * A small interface to autoencoders and generators for applications. {@link
 * io.github.eqvae.serve.Vae} loads a checkpoint of any kind and serves any number of threads; it
 * allocates memory once. The public interface is stable: it changes only with the major version.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.serve;
