package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.model.checkpoint.AutoencoderSettings;
import java.io.PrintWriter;
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

  /** These settings with the given scaling; what is lost is said. */
  AutoencoderSettings replace(AutoencoderSettings settings, PrintWriter err) {
    sayLoss(settings.scaling(), err);
    return scaling().map(settings::with).orElse(settings);
  }

  /**
   * Says what the given scaling drops without having been asked: pipelines would scale otherwise.
   *
   * @param before the scaling that it replaces
   * @param err receives notes
   */
  void sayLoss(Optional<LatentScaling> before, PrintWriter err) {
    if (factor.isEmpty() || before.isEmpty()) {
      return;
    }
    LatentScaling old = before.get();
    if (shift.isEmpty() && old.shiftFactor() != 0) {
      err.println(
          "eqvae: note: shift_factor becomes 0, it was %s; to keep it: --shift-factor %s"
              .formatted(old.shiftFactor(), old.shiftFactor()));
    }
    if (!old.mean().isEmpty()) {
      err.println(
          "eqvae: note: "
              + (old.gathers()
                  ? "the batch norm of the latents is"
                  : "latents_mean and latents_std are")
              + " left out, --scaling-factor takes their place");
    }
  }

  /** The given scaling; empty if there is none. */
  Optional<LatentScaling> scaling() {
    if (shift.isPresent() && factor.isEmpty()) {
      throw new EqvaeException.Argument("--shift-factor needs --scaling-factor beside it.");
    }
    return factor.map(f -> LatentScaling.of(f, shift.orElse(0.0)));
  }
}
