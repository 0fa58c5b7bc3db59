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
    int architecture) {
  /**
   * Whether a convolution that makes the statistics of its result saves the norm after it a pass
   * over memory. A GPU has the result in registers then; on a CPU they are a pass of their own, and
   * the norm's own one leaves a sample in the cache for what follows.
   *
   * @return whether to ask for them
   */
  public boolean fusesStatistics() {
    return architecture > 0;
  }

  /**
   * Whether convolutions of bf16 activations read their weights packed: tensor cores want them in
   * another order than PyTorch's, and a copy that is made when weights change saves making one in
   * every call.
   *
   * @return whether to keep such copies
   */
  public boolean readsPackedWeights() {
    return architecture > 0;
  }
}
