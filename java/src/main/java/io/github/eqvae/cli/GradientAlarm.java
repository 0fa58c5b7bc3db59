package io.github.eqvae.cli;

import io.github.eqvae.train.StepReport;
import java.util.Optional;

/**
 * Gradients that are exactly zero everywhere: the network does not learn at all. An autoencoder's
 * never are while its loss is connected to it; a discriminator's may be for a while, when it judges
 * everything right by a wide margin (hinge loss).
 */
final class GradientAlarm {
  private static final int PATIENCE = 20;

  private boolean said;
  private boolean saidOfDiscriminator;
  private int inARow;

  /**
   * Looks at a step.
   *
   * @param report what it gave
   * @return what is to be said, once
   */
  Optional<String> check(StepReport report) {
    if (report.skipped()) {
      return Optional.empty();
    }
    if (!said && isZero(report, "grad_norm")) {
      said = true;
      return Optional.of(
          "step "
              + report.step()
              + ": all gradients of the autoencoder are exactly 0, so it does not learn. Is a loss"
              + " weight 0, every image the same, or the decoder's end saturated (a checkpoint of"
              + " another kind)?");
    }
    inARow = isZero(report, "disc_grad_norm") ? inARow + 1 : 0;
    if (!saidOfDiscriminator && inARow >= PATIENCE) {
      saidOfDiscriminator = true;
      return Optional.of(
          "step "
              + report.step()
              + ": all gradients of the discriminator were exactly 0 for "
              + PATIENCE
              + " steps: it judges every patch right by a wide margin and has stopped learning. A"
              + " lower optimizer.disc_learning_rate or a later objective.gan.disc_start helps");
    }
    return Optional.empty();
  }

  private static boolean isZero(StepReport report, String norm) {
    return Double.valueOf(0).equals(report.values().get(norm));
  }
}
