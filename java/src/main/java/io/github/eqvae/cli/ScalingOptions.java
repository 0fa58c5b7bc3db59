package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.LatentScaling;
import java.util.Optional;
import picocli.CommandLine.Option;

/** {@code --scaling-factor} and {@code --shift-factor}, for checkpoints without a scaling. */
final class ScalingOptions {
  @Option(
      names = "--scaling-factor",
      paramLabel = "X",
      description = "scaling_factor of the latents: 1 / their standard deviation.")
  private Optional<Double> factor = Optional.empty();

  @Option(
      names = "--shift-factor",
      paramLabel = "X",
      description = "shift_factor of the latents, with --scaling-factor: their mean. Default: 0.")
  private Optional<Double> shift = Optional.empty();

  /** The given scaling; empty if there is none. */
  Optional<LatentScaling> scaling() {
    if (shift.isPresent() && factor.isEmpty()) {
      throw new EqvaeException.Argument("--shift-factor needs --scaling-factor beside it.");
    }
    return factor.map(f -> LatentScaling.of(f, shift.orElse(0.0)));
  }
}
