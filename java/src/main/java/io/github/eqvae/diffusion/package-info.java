/**
 * Diffusion and flow matching: noise schedules and interpolants, times, targets, losses and
 * samplers. Nothing here depends on a network's class. Losses run on a device; everything else
 * computes single numbers in double precision, with the papers' equations.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.diffusion;
