package io.github.eqvae.data;

/**
 * One batch. Its arrays belong to the loader: they hold until the loader's next batch is taken.
 *
 * @param step the batch's number, from 0
 * @param size samples in it; less than the arrays hold only in the last batch of a pass
 * @param pixels samples [size][height][width][channels] (NHWC) in [-1, 1]
 * @param indices the pictures, as numbers in the data set; where a broken picture was replaced, the
 *     replacement
 * @param epochs the epoch each sample belongs to
 */
public record Batch(long step, int size, float[] pixels, int[] indices, long[] epochs) {}
