package io.github.eqvae.jobs;

/**
 * What {@link EncodeJob} did.
 *
 * @param images in the folder
 * @param skipped broken ones, and those without a class where others have one
 * @param notRead pictures of formats that are not read
 * @param shards files
 * @param resumed shards that were there already
 */
public record EncodeSummary(long images, long skipped, long notRead, int shards, int resumed) {}
