package io.github.eqvae.cli;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.FileNames;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/**
 * Results that are NaN or infinite. As pictures they would be black squares among good ones. So
 * they are listed and not written, and the command fails at its end.
 */
final class NotFinite {
  private static final int SHOWN = 10;

  private final PrintWriter err;
  private final List<String> names = new ArrayList<>();

  NotFinite(PrintWriter err) {
    this.err = err;
  }

  /**
   * Records a result that is not finite.
   *
   * @param name of the picture or latent
   * @param values the result's numbers
   * @param what their name, such as "its latent"
   * @return whether some are
   */
  boolean isAny(String name, float[] values, int from, int count, String what) {
    for (int i = from; i < from + count; i++) {
      if (!Float.isFinite(values[i])) {
        names.add(FileNames.shown(name));
        if (names.size() <= SHOWN) {
          err.println(
              "eqvae: "
                  + names.getLast()
                  + ": "
                  + what
                  + " is not finite (NaN or infinite); left out");
          err.flush();
        }
        return true;
      }
    }
    return false;
  }

  /**
   * Fails if there were any.
   *
   * @param advice what to do
   */
  void failIfAny(String advice) {
    if (!names.isEmpty()) {
      throw new EqvaeException.Argument(
          names.size()
              + (names.size() == 1 ? " result is" : " results are")
              + " not finite and left out: "
              + String.join(", ", names.subList(0, Math.min(SHOWN, names.size())))
              + (names.size() > SHOWN ? " …" : "")
              + ". "
              + advice);
    }
  }
}
