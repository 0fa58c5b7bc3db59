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
   * @return always {@code cpu}; {@code simt} and {@code cuda} where their libraries were built
   */
  public static List<String> computing() {
    Path folder = Path.of(System.getProperty("eqvae.native.dir"));
    return Stream.of("cpu", "simt", "cuda")
        .filter(d -> "cpu".equals(d) || Files.exists(folder.resolve("libeqv_" + d + ".so")))
        .toList();
  }
}
