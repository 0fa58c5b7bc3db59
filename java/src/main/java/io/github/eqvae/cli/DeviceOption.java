package io.github.eqvae.cli;

import io.github.eqvae.ranks.LocalRank;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.train.recipe.RecipeReader;
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

  /** Opens a device: each rank of a machine takes a GPU of its own, if GPUs are asked for. */
  static Device open(Optional<String> name) {
    int local = LocalRank.of(System.getenv());
    return name.map(device -> Device.ofRank(device, 0, local)).orElseGet(() -> Device.best(local));
  }

  /** The requested device. */
  Optional<String> name() {
    return name;
  }
}
