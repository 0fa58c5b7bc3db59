package io.github.eqvae.train.run;

import io.github.eqvae.train.StepReport;
import io.github.eqvae.train.Task;
import java.util.Optional;

/** Gradients of a network that are exactly zero everywhere: it does not learn at all. */
final class GradientAlarm {
  private final Task.ZeroGradients watched;
  private int inARow;
  private boolean said;

  GradientAlarm(Task.ZeroGradients watched) {
    this.watched = watched;
  }

  /**
   * Checks a step.
   *
   * @param report what it gave
   * @return a warning, once
   */
  Optional<String> check(StepReport report) {
    if (report.skipped()) {
      return Optional.empty();
    }
    boolean zero = Double.valueOf(0).equals(report.values().get(watched.norm()));
    inARow = zero ? inARow + 1 : 0;
    if (said || inARow < watched.patience()) {
      return Optional.empty();
    }
    said = true;
    return Optional.of("step " + report.step() + ": " + watched.meaning());
  }
}
