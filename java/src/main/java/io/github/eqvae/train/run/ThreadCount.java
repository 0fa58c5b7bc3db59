package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.train.recipe.RunRecipe;
import java.util.Optional;

/**
 * Compares {@code run.threads} with the machine. More threads than processors are slower. A few
 * more, as in a recipe from a larger machine, are allowed, with a warning.
 */
final class ThreadCount {
  /** More threads per processor than this are a mistake. */
  private static final int EACH = 8;

  private ThreadCount() {}

  /**
   * Compares them.
   *
   * @param run what the recipe says
   * @param processors that this process may use
   * @return a warning, if there is one
   * @throws EqvaeException.Argument if it is far too many
   */
  static Optional<String> check(RunRecipe run, int processors) {
    if (!DeviceInfo.expected(run.device()).usesThreads() || run.threads() <= processors) {
      return Optional.empty();
    }
    String what =
        "run.threads is " + run.threads() + ", and there are " + processors + " processors";
    if (run.threads() > EACH * processors) {
      throw new EqvaeException.Argument(
          what
              + "; leave it out (auto: as many as there are), or take at most "
              + EACH * processors);
    }
    return Optional.of(
        what
            + ": slower than "
            + processors
            + " threads; --set run.threads=auto takes as many as there are");
  }
}
