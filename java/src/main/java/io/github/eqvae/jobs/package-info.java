/**
 * Jobs on whole folders: {@link io.github.eqvae.jobs.EncodeJob} writes latents, {@link
 * io.github.eqvae.jobs.LatentFiles} reads them for {@code serve}, and {@link
 * io.github.eqvae.jobs.SampleJob} writes samples.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.jobs;
