package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.SdeSampler;
import io.github.eqvae.serve.CodeSamplingOptions;
import io.github.eqvae.serve.SamplingMethod;
import io.github.eqvae.serve.SamplingOptions;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for sampling. */
final class SamplerOptions {
  @Option(
      names = "--sampler",
      paramLabel = "NAME",
      description =
          "DiT: ddpm (default), ddim. SiT: euler (default), midpoint, heun2, heun3, rk4,"
              + " dopri5, sde_euler, sde_heun.")
  private Optional<SamplingMethod> method = Optional.empty();

  @Option(
      names = "--steps",
      paramLabel = "N",
      description =
          "Default: 250 of ddpm and sde_euler, 50 of ddim and euler, 25 of others; of MaskGIT 8 by"
              + " confidence, 32 in Halton's order.")
  private Optional<Integer> steps = Optional.empty();

  @Option(names = "--eta", paramLabel = "X", description = "Of ddim: its noise. Default: 0.")
  private double eta;

  @Option(
      names = "--shift",
      paramLabel = "S",
      description = "For the ODE of SiT: shifts the times, s·t / (1 + (s − 1)·t). Default: 1.")
  private double shift = 1;

  @Option(
      names = "--guidance",
      paramLabel = "SCALE",
      description =
          "Classifier-free guidance. Default: 1, none; of MaskGIT 0 is none, and the default as"
              + " published.")
  private Optional<Double> guidance = Optional.empty();

  @Mixin private MaskedSamplerOptions masked = new MaskedSamplerOptions();

  @Option(
      names = "--guidance-channels",
      paramLabel = "N",
      description =
          "Channels that are guided. Default: 3 of latents that have 4, as the references do; all"
              + " of others.")
  private Optional<Integer> channels = Optional.empty();

  @Option(
      names = "--guidance-from",
      paramLabel = "T",
      description = "Guides from this time on: DiT's steps 0 to 999, SiT's times 0 (noise) to 1.")
  private double from = Double.NEGATIVE_INFINITY;

  @Option(names = "--guidance-to", paramLabel = "T", description = "Guides up to this time.")
  private double to = Double.POSITIVE_INFINITY;

  @Option(
      names = "--diffusion-form",
      paramLabel = "FORM",
      description =
          "For sde_*: sigma (default), constant, sbdm, linear, decreasing, increasing_decreasing.")
  private SdeSampler.Form form = SamplingOptions.Sde.AS_RELEASED.form();

  @Option(names = "--diffusion-norm", paramLabel = "X", description = "For sde_*. Default: 1.")
  private double norm = SamplingOptions.Sde.AS_RELEASED.norm();

  @Option(
      names = "--last-step",
      paramLabel = "KIND",
      description = "For sde_*: mean (default), tweedie, euler, none.")
  private SdeSampler.Last last = SamplingOptions.Sde.AS_RELEASED.last();

  @Option(names = "--last-step-size", paramLabel = "X", description = "For sde_*. Default: 0.04.")
  private double lastLength = SamplingOptions.Sde.AS_RELEASED.lastLength();

  @Option(names = "--atol", paramLabel = "X", description = "For dopri5. Default: 1e-6.")
  private double absolute = SamplingOptions.ErrorControl.AS_RELEASED.absolute();

  @Option(names = "--rtol", paramLabel = "X", description = "For dopri5. Default: 1e-3.")
  private double relative = SamplingOptions.ErrorControl.AS_RELEASED.relative();

  @Option(
      names = "--no-overshoot",
      description =
          "For dopri5: the last step ends at time 1. Default: it may go beyond, as published.")
  private boolean noOvershoot;

  /** The options for MaskGIT. */
  CodeSamplingOptions codeOptions() {
    if (method.isPresent() || channels.isPresent()) {
      throw new EqvaeException.Argument(
          "--sampler and --guidance-channels are for generators of latents; MaskGIT has --order"
              + " confidence or halton");
    }
    return masked.options(
        steps.map(OptionalInt::of).orElseGet(OptionalInt::empty),
        guidance.map(OptionalDouble::of).orElseGet(OptionalDouble::empty));
  }

  SamplingOptions options() {
    if (masked.areGiven()) {
      throw new EqvaeException.Argument(
          "--order, --mask-schedule, --gumbel-noise, --sharpness and --rolled are for MaskGIT; this"
              + " generator makes latents: --sampler");
    }
    return new SamplingOptions(
        method,
        steps.map(OptionalInt::of).orElseGet(OptionalInt::empty),
        eta,
        shift,
        new SamplingOptions.Sde(form, norm, last, lastLength),
        new SamplingOptions.ErrorControl(absolute, relative, !noOvershoot),
        new SamplingOptions.GuidanceOptions(
            guidance.orElse(1.0),
            channels.map(OptionalInt::of).orElseGet(OptionalInt::empty),
            from,
            to));
  }
}
