package io.github.eqvae.cli;

import io.github.eqvae.ranks.LocalRank;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.recipe.RecipeReader;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** {@code --device}, for commands that compute. */
final class DeviceOption {
  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "cpu, cuda or cuda:N. Short for --set run.device=NAME.")
  private Optional<String> name = Optional.empty();

  /** Adds the setting after those that it overrides. */
  void addTo(List<String> settings) {
    name.ifPresent(device -> settings.add(RecipeReader.set("run.device", device)));
  }

  /**
   * Opens a device, the fastest one if none is named: each rank of a machine takes a GPU of its
   * own, if GPUs are used. If there is a GPU and the CPU is taken, a note says why.
   */
  static Device open(Optional<String> name, PrintWriter err) {
    return open(name, err, Path.of("/dev"));
  }

  static Device open(Optional<String> name, PrintWriter err, Path devices) {
    int local = LocalRank.of(System.getenv());
    if (name.isPresent()) {
      return Device.ofRank(name.get(), 0, local);
    }
    Device device = Device.best(local);
    if (device.whyNotFaster().isPresent() && hasGpu(devices)) {
      err.println(
          "eqvae: note: computes on the CPU: "
              + device.whyNotFaster().get()
              + " (--device cpu leaves this note out)");
      err.flush();
    }
    return device;
  }

  /** Whether the system has a GPU of NVIDIA's, also one of Windows in WSL 2. */
  private static boolean hasGpu(Path devices) {
    String[] names = devices.toFile().list();
    return names != null && Arrays.stream(names).anyMatch(n -> n.matches("nvidia\\d+|dxg"));
  }

  /** The requested device. */
  Optional<String> name() {
    return name;
  }
}
