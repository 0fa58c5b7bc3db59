package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.TreeSet;

/**
 * Which steps of a process a sampler with fewer steps takes, as {@code space_timesteps} of
 * facebookresearch/DiT, {@code diffusion/respace.py}.
 */
public final class Respacing {
  private static final String DDIM = "ddim";

  private Respacing() {}

  /**
   * Reads a description.
   *
   * @param steps how many steps the process has
   * @param text {@code "250"}: that many, from the first to the last; {@code "10,15,20"}: so many
   *     of each third; {@code "ddim50"}: every so-manieth, from the first, so that it is exactly
   *     50; empty: all
   * @return the steps, rising
   * @throws EqvaeException.Argument when the process does not have so many, or no stride gives the
   *     number asked for
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
      // said below
    }
    throw new EqvaeException.Argument(
        "'" + text + "' does not say how many steps: write 250, 10,15,20 or ddim50");
  }

  /** The first stride that gives this many steps. */
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
        "No whole stride takes exactly " + wanted + " of " + steps + " steps; try another number");
  }

  /**
   * Steps spread over sections of equal size, the first and last step of each included. Positions
   * are rounded to the nearest even step, from a stride that is added up in double precision.
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
            "A section of " + length + " steps cannot be cut into " + count);
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
