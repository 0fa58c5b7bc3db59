package io.github.eqvae.train;

/**
 * How often a run's steps were captured and launched as graphs.
 *
 * @param captured graphs captured, repeated captures included
 * @param launched how often one was launched, without the launch right after its capture
 */
public record GraphStatistics(long captured, long launched) {}
