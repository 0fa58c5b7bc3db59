package io.github.eqvae.diffusion;

import java.util.ArrayList;
import java.util.List;

/**
 * The order in which Halton-MaskGIT fills the positions of a picture (arXiv 2503.17076): a Halton
 * sequence, whose consecutive points are far apart. Rows follow the sequence of base 2, columns
 * that of base 3, both from their first number on; a repeated position is skipped. Source:
 * valeoai/Halton-MaskGIT {@code Sampler/halton_sampler.py}, which stops after 10,000 numbers; here
 * the order is always complete.
 */
public final class HaltonOrder {
  private HaltonOrder() {}

  /**
   * Computes the order.
   *
   * @param side rows and columns
   * @return positions, row·side + column, each once
   */
  public static int[] of(int side) {
    boolean[] there = new boolean[side * side];
    List<Integer> order = new ArrayList<>();
    for (int i = 1; order.size() < there.length; i++) {
      int row = (int) ((float) number(i, 2) * side);
      int column = (int) ((float) number(i, 3) * side);
      int place = row * side + column;
      if (!there[place]) {
        there[place] = true;
        order.add(place);
      }
    }
    return order.stream().mapToInt(Integer::intValue).toArray();
  }

  /**
   * The i-th number of the sequence of a base: the digits of i in reverse order, after the point.
   */
  private static double number(int i, int base) {
    double value = 0;
    double digit = 1;
    for (int rest = i; rest > 0; rest /= base) {
      digit /= base;
      value += digit * (rest % base);
    }
    return value;
  }

  /**
   * The number of codes that are known after each step: the share {@code 1 − arccos((i +
   * 1)/n)/(π/2)}, and at least i + 1.
   *
   * @param codes number of the picture's codes
   * @param steps sampling steps
   * @return the totals; the last is {@code codes}
   */
  public static int[] totals(int codes, int steps) {
    int[] totals = new int[steps];
    for (int i = 0; i < steps; i++) {
      float part = (float) ((i + 1) / (double) steps);
      float angle = (float) Math.acos(part);
      int share = (int) ((1 - angle / (Math.PI / 2)) * codes);
      totals[i] = Math.max(i + 1, share);
    }
    return totals;
  }
}
