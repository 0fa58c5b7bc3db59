package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.generator.DitConfig;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** How a network of others was taught, as far as its file tells. */
final class ProcessInference {
  private ProcessInference() {}

  /**
   * From what the training script was called with ({@code --model SiT-XL/2 --path-type Linear}), or
   * from options that only LightningDiT has, which is taught as SiT is.
   */
  static Optional<GeneratorProcess> of(
      String file, DitConfig network, Map<String, String> arguments) {
    String model = arguments.getOrDefault("model", "");
    if (model.startsWith("SiT")) {
      return Optional.of(flow(file, arguments));
    }
    if (model.startsWith("DiT")) {
      return Optional.of(GeneratorProcess.DIT);
    }
    boolean lightning = network.rope() || network.swiGlu() || network.rmsNorm();
    return lightning ? Optional.of(GeneratorProcess.SIT) : Optional.empty();
  }

  private static GeneratorProcess flow(String file, Map<String, String> arguments) {
    try {
      return new GeneratorProcess.Flow(
          new Transport(
              Interpolant.valueOf(upper(arguments.getOrDefault("path_type", "linear"))),
              Transport.Prediction.valueOf(upper(arguments.getOrDefault("prediction", "velocity"))),
              Transport.Weight.valueOf(upper(arguments.getOrDefault("loss_weight", "none")))));
    } catch (IllegalArgumentException e) {
      throw new EqvaeException.Argument(
          file
              + ": its args name a path, prediction or loss_weight that SiT does not have: "
              + arguments);
    }
  }

  private static String upper(String text) {
    return text.toUpperCase(Locale.ROOT);
  }

  /** DiT without learned variances has fixed ones. */
  static GeneratorProcess fitting(GeneratorProcess process, DitConfig network) {
    boolean learns =
        process instanceof GeneratorProcess.Steps s
            && s.variance() == GaussianDiffusion.Variance.LEARNED_RANGE;
    if (learns && !network.learnSigma() && process instanceof GeneratorProcess.Steps s) {
      return new GeneratorProcess.Steps(
          s.schedule(), s.steps(), s.prediction(), GaussianDiffusion.Variance.FIXED_LARGE);
    }
    return process;
  }
}
