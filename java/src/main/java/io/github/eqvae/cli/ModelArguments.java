package io.github.eqvae.cli;

import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What all commands that use a loaded model take. */
final class ModelArguments {
  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description =
          "A folder of diffusers, a checkpoint, model.safetensors, or the folder of a run.")
  private Path model = Path.of(".");

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description = "cpu, cuda or cuda:N. Default: cuda if it opens, else cpu.")
  private Optional<String> device = Optional.empty();

  @Option(
      names = "--sessions",
      paramLabel = "N",
      description = "Batches computed side by side; the threads are divided. Default: 1.")
  private int sessions = 1;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "Images that go through the network at once. Default: 4.")
  private int batch = 4;

  @Option(
      names = "--raw-weights",
      description = "Of a run: the weights as last trained, not their average (EMA).")
  private boolean rawWeights;

  @Mixin private ScalingOptions scaling = new ScalingOptions();

  Path model() {
    return model;
  }

  int group() {
    return sessions * batch;
  }

  Device open() {
    return device.map(Device::open).orElseGet(Device::best);
  }

  Vae load(Device on) throws IOException {
    VaeOptions options =
        VaeOptions.defaults().withSessions(sessions).withBatch(batch).withAverage(!rawWeights);
    return Vae.load(model, on, scaling.scaling().map(options::withScaling).orElse(options));
  }
}
