package io.github.eqvae.tensor;

/**
 * What a device is.
 *
 * @param name the processor's name
 * @param detail instruction set and library versions
 * @param threads CPU threads or multiprocessors
 * @param memoryBytes total memory, 0 if unknown
 * @param freeBytes free memory when the device was opened, 0 if unknown
 * @param dtype the dtype it computes in
 * @param executes false when the device only plans and never computes
 * @param graphs whether its streams can be captured ({@link Stream#capture})
 * @param architecture of a GPU, 90 for sm_90; else 0
 */
public record DeviceInfo(
    String name,
    String detail,
    int threads,
    long memoryBytes,
    long freeBytes,
    DType dtype,
    boolean executes,
    boolean graphs,
    int architecture) {}
