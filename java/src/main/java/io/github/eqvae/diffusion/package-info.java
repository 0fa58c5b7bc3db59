/**
 * How noise becomes data, and what a network is taught of it: noise schedules and interpolants,
 * times, targets, and the steps of samplers. Nothing here knows a network; all numbers are of one
 * sample or one time, in double precision, and of the papers' equations.
 */
@org.jspecify.annotations.NullMarked
package io.github.eqvae.diffusion;
