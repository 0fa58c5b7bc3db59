/**
 * How noise becomes data, and what a network is taught of it: noise schedules and interpolants,
 * times, targets, losses, and the steps of samplers. Nothing here knows a network. Losses run on a
 * device; all other numbers are of one sample or one time, in double precision, and of the papers'
 * equations.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.diffusion;
