package io.github.eqvae.tensor;

import java.util.regex.Pattern;

/**
 * The properties of a device.
 *
 * @param name the processor's name
 * @param detail instruction set and library versions
 * @param threads CPU threads or multiprocessors
 * @param memoryBytes total memory, 0 if unknown
 * @param freeBytes free memory when the device was opened, 0 if unknown
 * @param dtype the dtype it computes in
 * @param executes false when the device only plans and never computes
 * @param graphs whether its streams can be captured ({@link Stream#capture})
 * @param architecture a GPU's architecture, 90 for sm_90; 0 for other devices
 * @param prefersBf16 whether activations are bf16 by default: true for a GPU, but not for the shim
 *     that runs its kernels on the processor
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
    int architecture,
    boolean prefersBf16) {
  /**
   * The expected properties of a device that was not opened and may not exist.
   *
   * @param device its name, such as {@code cuda:1}
   * @return the properties of a typical device of its kind; for a GPU those of an H100
   */
  public static DeviceInfo expected(String device) {
    return switch (device.split(":")[0]) {
      case "cuda" ->
          new DeviceInfo("H100 or H200", "assumed", 132, 0, 0, DType.F32, true, true, 90, true);
      case "simt" -> {
        int architecture = device.endsWith(":1") ? 90 : 80;
        yield new DeviceInfo(
            "simt", "assumed", 2, 0, 0, DType.F32, true, true, architecture, false);
      }
      default -> new DeviceInfo(device, "assumed", 1, 0, 0, DType.F32, true, false, 0, false);
    };
  }

  /** The default device of recipes. */
  public static final String DEFAULT = "cpu";

  private static final Pattern TRAINS = Pattern.compile("cpu|simt(:1)?|cuda(:\\d{1,3})?");

  /**
   * Whether devices of that name can train, even if this machine has none. Devices that compute in
   * double precision or only plan are for tests.
   *
   * @param device a name, such as {@code cuda:1}
   * @return true for {@code cpu}, {@code cuda}, {@code cuda:N} and {@code simt}
   */
  public static boolean trains(String device) {
    return TRAINS.matcher(device).matches();
  }

  /**
   * Whether the device computes with threads on the machine's processors: their number can be
   * chosen, and other programs slow them down.
   *
   * @return true for CPUs
   */
  public boolean usesThreads() {
    return architecture == 0;
  }

  /**
   * Whether the scratch memory of operations is known before they run: true for eqvae's kernels,
   * false for oneDNN on the CPU.
   *
   * @return true if a memory plan can include it
   */
  public boolean plansScratch() {
    return architecture > 0;
  }

  /**
   * The device whose properties a memory plan for this device uses.
   *
   * @return this
   * @deprecated each device's plan is its own
   */
  @Deprecated
  public DeviceInfo plannedFor() {
    return this;
  }

  /** The same device with another architecture. */
  DeviceInfo withArchitecture(int other) {
    return new DeviceInfo(
        name, detail, threads, memoryBytes, freeBytes, dtype, executes, graphs, other, prefersBf16);
  }

  /**
   * A short description, for a memory plan.
   *
   * @return name, architecture and multiprocessors
   */
  public String plannedName() {
    return name + ", sm_" + architecture + ", " + threads + " multiprocessors";
  }

  /**
   * Whether activations can be bf16, and fp32 matrices can be multiplied in TF32.
   *
   * @return true for GPUs
   */
  public boolean hasTensorCores() {
    return architecture > 0;
  }

  /**
   * Whether factors of fp32 matrices can be rounded to bf16 ({@link MathMode#BF16}).
   *
   * @return true for CPUs; {@code detail} names the instructions that multiply them
   */
  public boolean roundsFactorsToBf16() {
    return architecture == 0;
  }

  /**
   * Whether it is faster if a convolution computes the statistics of its result for the following
   * norm. A GPU still has the result in registers. A CPU would need an extra pass; there the norm's
   * own pass is better, because it leaves the sample in the cache for the normalisation.
   *
   * @return true if convolutions should compute them
   */
  public boolean fusesStatistics() {
    return architecture > 0;
  }

  /**
   * Whether results that are cheap to compute again, such as those of wide group norms, are not
   * kept for the backward pass. On a processor the convolution that reads such a result takes more
   * than a hundred times as long as the norm, so this saves memory and costs almost no time. On a
   * GPU both are limited by memory.
   *
   * @return true for CPUs
   */
  public boolean recomputesCheap() {
    return architecture == 0;
  }

  /**
   * Whether operations on bf16 activations can read packed weights. Tensor cores need another order
   * than PyTorch's; a copy that is updated with the weights saves packing in every call.
   *
   * @return true if such copies are useful
   */
  public boolean readsPackedWeights() {
    return architecture > 0;
  }
}
