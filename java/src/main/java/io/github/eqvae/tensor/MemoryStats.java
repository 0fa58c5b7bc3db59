package io.github.eqvae.tensor;

/**
 * Native memory of a device.
 *
 * @param liveBytes bytes allocated and not yet freed
 * @param liveBlocks blocks allocated and not yet freed
 * @param totalBlocks allocations since the device was opened
 * @param cachedPlans shape-specific execution plans made since the device was opened
 * @param peakBytes the largest value of {@code liveBytes} since the device was opened
 */
public record MemoryStats(
    long liveBytes, long liveBlocks, long totalBlocks, long cachedPlans, long peakBytes) {}
