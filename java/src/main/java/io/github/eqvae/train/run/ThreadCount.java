package io.github.eqvae.train.run;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.train.recipe.RunRecipe;
import java.util.Optional;

/**
 * {@code run.threads} beside what the machine has. More threads than processors are slower, but
 * give the bits of a machine that has so many, so a few more are allowed and said.
 */
final class ThreadCount {
  /** Beyond this many threads each it is a slip. */
  private static final int EACH = 8;

  private ThreadCount() {}

  /**
   * Compares them.
   *
   * @param run what the recipe says
   * @param processors that this process may use
   * @return what is to be said, if anything
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
          what + "; leave it out (0: as many as there are), or take at most " + EACH * processors);
    }
    return Optional.of(
        what
            + ": slower than "
            + processors
            + " threads. It is kept for the bits of a machine that has so many;"
            + " --set run.threads=0 takes as many as there are");
  }
}
