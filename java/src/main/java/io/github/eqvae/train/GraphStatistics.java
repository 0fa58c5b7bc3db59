package io.github.eqvae.train;

/**
 * How often a run's steps were captured and launched as graphs.
 *
 * @param captured graphs captured, repeated captures included
 * @param launched how often one was launched, the launch after its capture not counted
 */
public record GraphStatistics(long captured, long launched) {}
