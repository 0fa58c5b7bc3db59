package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.TreeSet;

/**
 * Chooses the steps of a process for a sampler with fewer steps, as {@code space_timesteps} of
 * facebookresearch/DiT, {@code diffusion/respace.py}.
 */
public final class Respacing {
  private static final String DDIM = "ddim";

  private Respacing() {}

  /**
   * Chooses steps.
   *
   * @param steps number of the process's steps
   * @param text {@code "250"}: 250 steps, evenly from the first to the last; {@code "10,15,20"}:
   *     10, 15 and 20 steps from the three thirds; {@code "ddim50"}: 50 steps with a constant
   *     integer stride, from the first; empty: all
   * @return the steps, ascending
   * @throws EqvaeException.Argument when the process has fewer steps, or no integer stride gives
   *     the requested number
   */
  public static int[] of(int steps, String text) {
    if (text.isBlank()) {
      return even(steps, steps);
    }
    if (text.startsWith(DDIM)) {
      return strided(steps, number(text.substring(DDIM.length()), text));
    }
    String[] parts = text.split(",");
    int[] counts = new int[parts.length];
    for (int i = 0; i < counts.length; i++) {
      counts[i] = number(parts[i], text);
    }
    return even(steps, counts);
  }

  private static int number(String word, String text) {
    try {
      int value = Integer.parseInt(word.strip());
      if (value >= 1) {
        return value;
      }
    } catch (NumberFormatException e) {
      // reported below
    }
    throw new EqvaeException.Argument(
        "'" + text + "' is not a number of steps: write for example 250, 10,15,20 or ddim50");
  }

  /** Steps with the smallest stride that gives this number of steps. */
  private static int[] strided(int steps, int wanted) {
    for (int stride = 1; stride < steps; stride++) {
      if ((steps + stride - 1) / stride == wanted) {
        int[] kept = new int[wanted];
        for (int i = 0; i < wanted; i++) {
          kept[i] = i * stride;
        }
        return kept;
      }
    }
    throw new EqvaeException.Argument(
        "No integer stride gives exactly "
            + wanted
            + " of "
            + steps
            + " steps; try another number");
  }

  /**
   * Steps spread evenly over sections of equal size, with the first and last step of each.
   * Positions are sums of a stride in double precision, rounded to the nearest step (halves to
   * even).
   */
  private static int[] even(int steps, int... counts) {
    TreeSet<Integer> kept = new TreeSet<>();
    int size = steps / counts.length;
    int larger = steps % counts.length;
    int start = 0;
    for (int section = 0; section < counts.length; section++) {
      int length = size + (section < larger ? 1 : 0);
      int count = counts[section];
      if (length < count) {
        throw new EqvaeException.Argument(
            "%,d sampling steps are more than the %,d that the process was trained with%s"
                .formatted(count, length, counts.length > 1 ? " in this section" : ""));
      }
      double stride = count <= 1 ? 1 : (length - 1.0) / (count - 1);
      double position = 0;
      for (int i = 0; i < count; i++) {
        kept.add(start + (int) Math.rint(position));
        position += stride;
      }
      start += length;
    }
    return kept.stream().mapToInt(Integer::intValue).toArray();
  }
}
