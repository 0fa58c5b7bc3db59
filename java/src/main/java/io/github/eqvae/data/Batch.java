package io.github.eqvae.data;

/**
 * One batch. Its arrays belong to the loader, which overwrites them once its next batch is taken.
 *
 * @param step the batch's number, from 0
 * @param size samples in it; fewer than the arrays have room for only in the last batch of a pass
 * @param pixels samples [size][height][width][channels] (NHWC) in [-1, 1]
 * @param indices the pictures' numbers in the data set; for a broken picture, that of its
 *     replacement
 * @param epochs the epoch each sample belongs to
 */
public record Batch(long step, int size, float[] pixels, int[] indices, long[] epochs) {}
