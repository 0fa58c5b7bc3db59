package io.github.eqvae.train;

/**
 * The position of a micro-batch in a run.
 *
 * @param step updates before it, skipped ones included
 * @param index micro-batches before it
 * @param first whether it is the step's first: gradients are written, not added to
 * @param last whether it is the step's last: the updates are made
 */
public record MicroBatch(long step, long index, boolean first, boolean last) {}
