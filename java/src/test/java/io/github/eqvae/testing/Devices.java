package io.github.eqvae.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The devices this build can run tests on, beside the reference. */
public final class Devices {
  private Devices() {}

  /**
   * Devices that compute and are not the reference.
   *
   * @return always {@code cpu}; {@code simt}, the CUDA kernels on the processor, where its library
   *     was built; {@code cuda} where there is a GPU, too
   */
  public static List<String> computing() {
    List<String> wanted =
        List.of(System.getProperty("eqvae.test.devices", "cpu,simt,cuda").split(","));
    Path folder = Path.of(System.getProperty("eqvae.native.dir"));
    return Stream.of("cpu", "simt", "cuda")
        .filter(d -> "cpu".equals(d) || Files.exists(folder.resolve("libeqv_" + d + ".so")))
        .filter(d -> !"cuda".equals(d) || hasGpu())
        .filter(wanted::contains)
        .toList();
  }

  /**
   * Those of the devices that compute by kernels.
   *
   * @return {@code simt} and {@code simt:1}, the kernels of sm_80 and of sm_90a, and {@code cuda};
   *     each if it is there
   */
  public static List<String> kernels() {
    List<String> there = computing();
    return Stream.of("simt", "simt:1", "cuda")
        .filter(d -> there.contains(d.split(":")[0]))
        .toList();
  }

  /** Without a driver's device files a library that does not open is no failure. */
  private static boolean hasGpu() {
    return Files.exists(Path.of("/dev/nvidiactl"));
  }
}
