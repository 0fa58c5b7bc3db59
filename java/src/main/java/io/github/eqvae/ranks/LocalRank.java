package io.github.eqvae.ranks;

import io.github.eqvae.EqvaeException;
import java.util.List;
import java.util.Map;

/** Which of the processes of its machine this one is, as its launcher says: it uses that GPU. */
public final class LocalRank {
  private static final List<String> VARIABLES =
      List.of("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID", "LOCAL_RANK");

  private LocalRank() {}

  /**
   * Reads the environment.
   *
   * @param environment its variables
   * @return from 0; 0 where nothing says it
   * @throws EqvaeException.Argument when a variable is no number
   */
  public static int of(Map<String, String> environment) {
    for (String name : VARIABLES) {
      String text = environment.get(name);
      if (text != null) {
        try {
          return Math.max(0, Integer.parseInt(text.strip()));
        } catch (NumberFormatException e) {
          throw new EqvaeException.Argument(
              name + " is '" + text + "', expected a whole number from 0");
        }
      }
    }
    return 0;
  }
}
