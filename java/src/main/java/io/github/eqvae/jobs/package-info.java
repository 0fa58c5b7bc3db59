/**
 * Work over whole folders: {@link io.github.eqvae.jobs.EncodeJob} fills one with latents, {@link
 * io.github.eqvae.jobs.LatentFiles} reads them as what {@code serve} computes with.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.jobs;
