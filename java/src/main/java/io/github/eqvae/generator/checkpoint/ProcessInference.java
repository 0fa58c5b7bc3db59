package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.generator.DitConfig;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Infers the diffusion process of another program's network from its file. */
final class ProcessInference {
  private static final int PUBLISHED_DEPTH = 8;

  private ProcessInference() {}

  /**
   * Infers the process from the training script's arguments ({@code --model SiT-XL/2 --path-type
   * Linear}), from projectors (REPA), or from options that only LightningDiT has, which uses SiT's
   * process.
   */
  static Optional<GeneratorProcess> of(
      String file, DitConfig network, boolean projectors, Map<String, String> arguments) {
    // REPA's networks also have the name SiT
    if (projectors || arguments.containsKey("encoder_depth")) {
      return Optional.of(repa(file, arguments));
    }
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
              + ": its args have a path, prediction or loss_weight that SiT does not have: "
              + arguments);
    }
  }

  private static GeneratorProcess repa(String file, Map<String, String> arguments) {
    String path = arguments.getOrDefault("path_type", "linear");
    String prediction = arguments.getOrDefault("prediction", "v");
    boolean known = path.equals("linear") || path.equals("cosine");
    if (!known || !prediction.equals("v")) {
      throw new EqvaeException.Argument(
          file + ": its args have a path or prediction that REPA does not have: " + arguments);
    }
    return new GeneratorProcess.Repa(path.equals("linear") ? Interpolant.LINEAR : Interpolant.GVP);
  }

  /**
   * The number of blocks before REPA's projectors, from the training's arguments, or as published.
   */
  static int alignmentDepth(String file, DitConfig network, Map<String, String> arguments) {
    String text = arguments.getOrDefault("encoder_depth", Integer.toString(PUBLISHED_DEPTH));
    int depth;
    try {
      depth = Integer.parseInt(text);
    } catch (NumberFormatException e) {
      depth = 0;
    }
    if (depth < 1 || (arguments.containsKey("encoder_depth") && depth > network.depth())) {
      throw new EqvaeException.Argument(
          "%s: its args have encoder_depth %s, but the network has %d blocks"
              .formatted(file, text, network.depth()));
    }
    return Math.min(depth, network.depth());
  }

  private static String upper(String text) {
    return text.toUpperCase(Locale.ROOT);
  }

  /** Uses fixed variances if the network has no outputs for learned ones. */
  static GeneratorProcess fitting(GeneratorProcess process, DitConfig network) {
    boolean learns = process instanceof GeneratorProcess.Steps s && s.variance().isLearned();
    if (learns && !network.learnSigma() && process instanceof GeneratorProcess.Steps s) {
      return new GeneratorProcess.Steps(
          s.schedule(), s.steps(), s.prediction(), GaussianDiffusion.Variance.FIXED_LARGE);
    }
    return process;
  }
}
