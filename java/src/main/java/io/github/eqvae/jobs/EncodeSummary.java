package io.github.eqvae.jobs;

/**
 * The result of an {@link EncodeJob}.
 *
 * @param images images in the folder
 * @param skipped broken images, and images without a class if others have one
 * @param notRead pictures in formats that cannot be read
 * @param shards number of shards
 * @param resumed shards that were finished before
 */
public record EncodeSummary(long images, long skipped, long notRead, int shards, int resumed) {}
