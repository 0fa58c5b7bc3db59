package io.github.eqvae.cli;

import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Arguments of all commands that load a model. */
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
      description = "Batches computed at the same time; they share the threads. Default: 1.")
  private int sessions = 1;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "Images that go through the network at once. Default: 4.")
  private int batch = 4;

  @Mixin private WeightsOption weights = new WeightsOption();

  @Mixin private ScalingOptions scaling = new ScalingOptions();

  Path model() {
    return model;
  }

  /** Whether an option says how latents are scaled. */
  boolean namesScaling() {
    return scaling.scaling().isPresent();
  }

  int group() {
    return sessions * batch;
  }

  Device open(PrintWriter err) {
    return DeviceOption.open(device, err);
  }

  Vae load(Device on, PrintWriter err) throws IOException {
    VaeOptions options =
        VaeOptions.defaults().withSessions(sessions).withBatch(batch).withWeights(weights.choice());
    Vae vae = Vae.load(model, on, scaling.scaling().map(options::withScaling).orElse(options));
    WeightsOption.say(err, model, vae.weightsNote());
    scaling.sayLoss(vae.storedScaling(), err);
    return vae;
  }
}
