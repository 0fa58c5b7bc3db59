package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.SdeSampler;
import io.github.eqvae.serve.CodeSamplingOptions;
import io.github.eqvae.serve.SamplingMethod;
import io.github.eqvae.serve.SamplingOptions;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

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
          "Number of steps. Default: 250 for ddpm and sde_euler, 125 for sde_heun, 50 for ddim and"
              + " euler, 25 for others; dopri5 chooses its steps. SiT's reference counts times: for"
              + " its ODE 49 here is 50 there. For MaskGIT 8 with --order confidence, 32 with"
              + " halton.")
  private Optional<Integer> steps = Optional.empty();

  @Option(
      names = "--eta",
      paramLabel = "X",
      description = "For ddim: share of ddpm's noise. Default: 0.")
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
          "Classifier-free guidance. Default: 1, which is none. For MaskGIT 0 is none, and the"
              + " default is the published value.")
  private Optional<Double> guidance = Optional.empty();

  @Mixin private MaskedSamplerOptions masked = new MaskedSamplerOptions();

  @Option(
      names = "--guidance-channels",
      paramLabel = "N",
      description =
          "Number of guided channels. Default: 3 if latents have 4, as in the references; else"
              + " all.")
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
          "For sde_*: sigma (default), constant, sbdm, linear, decreasing, increasing_decreasing."
              + " sbdm is infinite at time 0, and so refused, for networks that predict the"
              + " velocity on the path linear or gvp, as published SiT does.")
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

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  private static final Set<SamplingMethod> ODE = all(SamplingMethod::isOde);

  private static final Set<SamplingMethod> SDE = all(SamplingMethod::isSde);

  /** Options that only some methods read. */
  private static final SortedMap<String, Set<SamplingMethod>> READ_BY =
      new TreeMap<>(
          Map.of(
              "--eta", EnumSet.of(SamplingMethod.DDIM),
              "--shift", ODE,
              "--diffusion-form", SDE,
              "--diffusion-norm", SDE,
              "--last-step", SDE,
              "--last-step-size", SDE,
              "--atol", EnumSet.of(SamplingMethod.DOPRI5),
              "--rtol", EnumSet.of(SamplingMethod.DOPRI5),
              "--no-overshoot", EnumSet.of(SamplingMethod.DOPRI5)));

  /** Other options that MaskGIT does not read. */
  private static final List<String> OF_LATENTS =
      List.of("--sampler", "--guidance-channels", "--guidance-from", "--guidance-to");

  /** Options that say where guidance is applied. */
  private static final List<String> OF_GUIDANCE =
      List.of("--guidance-channels", "--guidance-from", "--guidance-to");

  private boolean isGiven(String option) {
    return spec.commandLine().getParseResult().hasMatchedOption(option);
  }

  /**
   * The options for MaskGIT.
   *
   * @throws EqvaeException.Argument if an option is given that would change nothing
   */
  CodeSamplingOptions codeOptions() {
    List<String> others =
        Stream.concat(OF_LATENTS.stream(), READ_BY.keySet().stream())
            .filter(this::isGiven)
            .toList();
    if (!others.isEmpty()) {
      throw new EqvaeException.Argument(
          String.join(", ", others)
              + (others.size() == 1 ? " is" : " are")
              + " for generators of latents; MaskGIT has --order confidence or halton");
    }
    return masked.options(
        steps.map(OptionalInt::of).orElseGet(OptionalInt::empty),
        guidance.map(OptionalDouble::of).orElseGet(OptionalDouble::empty));
  }

  /**
   * Of generators of latents.
   *
   * @param usual the method if none is given
   * @param isRepa whether the network was trained as REPA, whose samplers have no options
   * @throws EqvaeException.Argument if an option is given that would change nothing
   */
  SamplingOptions options(SamplingMethod usual, boolean isRepa) {
    if (masked.areGiven()) {
      throw new EqvaeException.Argument(
          "--order, --mask-schedule, --gumbel-noise, --sharpness and --rolled are for MaskGIT; this"
              + " generator makes latents: --sampler");
    }
    SamplingMethod used = method.orElse(usual);
    for (String option : READ_BY.keySet()) {
      if (isGiven(option) && isRepa) {
        throw new EqvaeException.Argument(
            option + " does nothing for a network that was trained as REPA; leave it out");
      }
      if (isGiven(option) && !READ_BY.get(option).contains(used)) {
        throw new EqvaeException.Argument(
            option
                + " does nothing with the sampler "
                + used
                + "; it is for "
                + READ_BY.get(option).stream()
                    .map(SamplingMethod::toString)
                    .collect(Collectors.joining(", ")));
      }
    }
    if (steps.isPresent() && used == SamplingMethod.DOPRI5) {
      throw new EqvaeException.Argument(
          "--steps does nothing with the sampler dopri5, which chooses its steps: --atol and --rtol"
              + " say how exact it is");
    }
    if (guidance.orElse(1.0) == 1) {
      OF_GUIDANCE.stream()
          .filter(this::isGiven)
          .findFirst()
          .ifPresent(
              option -> {
                throw new EqvaeException.Argument(
                    option + " does nothing without guidance: add --guidance, or leave it out");
              });
    }
    if (isGiven("--last-step-size") && last == SdeSampler.Last.NONE) {
      throw new EqvaeException.Argument("--last-step-size does nothing with --last-step none");
    }
    if (!(eta >= 0 && eta <= 1)) {
      throw new EqvaeException.Argument("--eta " + eta + ": a share of ddpm's noise, from 0 to 1");
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

  private static Set<SamplingMethod> all(Predicate<SamplingMethod> which) {
    return Stream.of(SamplingMethod.values())
        .filter(which)
        .collect(Collectors.toCollection(() -> EnumSet.noneOf(SamplingMethod.class)));
  }
}
