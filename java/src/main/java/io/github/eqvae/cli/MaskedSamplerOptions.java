package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.MaskSchedule;
import io.github.eqvae.serve.CodeSamplingOptions;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** Sampling options that only MaskGIT has. */
final class MaskedSamplerOptions {
  @Option(
      names = "--order",
      paramLabel = "NAME",
      description =
          "MaskGIT: the order in which codes are decided: confidence (default) or halton.")
  private Optional<CodeSamplingOptions.Order> order = Optional.empty();

  @Option(
      names = "--mask-schedule",
      paramLabel = "NAME",
      description =
          "MaskGIT by confidence: how many codes a step keeps: arccos (default), cosine, linear,"
              + " square, root.")
  private Optional<MaskSchedule> schedule = Optional.empty();

  @Option(
      names = "--gumbel-noise",
      paramLabel = "X",
      description = "MaskGIT by confidence: noise at the first step. Default: 4.5.")
  private Optional<Double> noise = Optional.empty();

  @Option(
      names = "--sharpness",
      paramLabel = "X",
      description =
          "MaskGIT: factor on the logits; the references call it a temperature. Default: 1.")
  private Optional<Double> sharpness = Optional.empty();

  @Option(
      names = "--rolled",
      description = "MaskGIT, halton: the order begins at another place in each picture.")
  private boolean rolled;

  /** Whether one of these options was given. */
  boolean areGiven() {
    return order.isPresent()
        || schedule.isPresent()
        || noise.isPresent()
        || sharpness.isPresent()
        || rolled;
  }

  CodeSamplingOptions options(OptionalInt steps, OptionalDouble guidance) {
    CodeSamplingOptions d = CodeSamplingOptions.defaults();
    boolean isHalton = order.orElse(d.order()) == CodeSamplingOptions.Order.HALTON;
    if (isHalton && (schedule.isPresent() || noise.isPresent())) {
      throw new EqvaeException.Argument(
          "--mask-schedule and --gumbel-noise do nothing in Halton's order; leave them out");
    }
    if (rolled && !isHalton) {
      throw new EqvaeException.Argument("--rolled does nothing without --order halton");
    }
    return new CodeSamplingOptions(
        order.orElse(d.order()),
        schedule.orElse(d.schedule()),
        steps,
        guidance,
        noise.orElse(d.noise()),
        sharpness.orElse(d.sharpness()),
        rolled);
  }
}
