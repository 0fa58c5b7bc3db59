package io.github.eqvae.train.run;

import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.train.recipe.RunRecipe;
import java.util.Locale;

/** What a run says before its first step. */
final class StartText {
  private StartText() {}

  static void say(Workload<?> workload, RunRecipe run, Communicator ranks, RunObserver observer) {
    observer.say(workload.describe());
    if (!ranks.isAlone()) {
      observer.say(
          ranks.size()
              + " ranks train together: a step has the micro-batches of all of them, and the bits"
              + " of one rank with "
              + ranks.size()
              + " times its optimizer.accumulate");
    }
    run.emaDecay()
        .ifPresent(
            decay ->
                observer.say(
                    String.format(
                        Locale.ROOT,
                        "validation, samples and the final model use an average of the weights over"
                            + " about the last %,.0f updates (run.ema_decay %s)",
                        1 / (1 - decay),
                        decay)));
    workload.notes().forEach(observer::note);
  }
}
