package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.function.ObjIntConsumer;

/**
 * Sampling in Halton order (arXiv 2503.17076): each step draws codes for the next positions of a
 * Halton sequence, which are far apart. Source: valeoai/Halton-MaskGIT {@code
 * Sampler/halton_sampler.py}.
 *
 * @param steps sampling steps; 32 as published
 * @param guidance guidance scale w of {@code (1 + w)·labelled − w·unlabelled}, the same in every
 *     step; 2 as published
 * @param sharpness factor of the logits in each step
 * @param likeliest top-k: only the k most probable codes can be drawn; 0 for all
 * @param rolled whether the order of each picture begins at a random offset
 */
public record HaltonSampler(
    int steps, double guidance, Sharpness sharpness, int likeliest, boolean rolled)
    implements MaskedSampler {
  /**
   * Factor of the logits: linear in the step from {@code first} to {@code last}, raised to a power,
   * and halved in the first steps. The reference calls it a temperature.
   *
   * @param first value at the first step
   * @param last value at the last step
   * @param power exponent
   * @param halved number of first steps in which it is halved
   */
  public record Sharpness(double first, double last, double power, int halved) {
    /** A factor of 1. */
    public static final Sharpness NONE = new Sharpness(1, 1, 1, 0);

    /**
     * The same in every step.
     *
     * @param value factor of the logits
     * @return the constant factor
     */
    public static Sharpness of(double value) {
      return new Sharpness(value, value, 1, 0);
    }

    /**
     * The factor at a step.
     *
     * @param step from 0
     * @param steps number of all steps
     * @return the factor
     */
    public double at(int step, int steps) {
      double value = steps == 1 ? first : first + (last - first) * step / (steps - 1);
      return Math.pow((float) value, power) * (step < halved ? 0.5 : 1);
    }
  }

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when there is no step or a number is not finite
   */
  public HaltonSampler {
    if (steps < 1
        || !Double.isFinite(guidance)
        || !(sharpness.first() > 0 && sharpness.last() > 0)
        || !Double.isFinite(sharpness.first() + sharpness.last() + sharpness.power())
        || likeliest < 0) {
      throw new EqvaeException.Argument(
          "Halton's sampler needs a step, finite guidance and a sharpness above 0; got %d, %s and %s"
              .formatted(steps, guidance, sharpness));
    }
  }

  @Override
  public void check(int codes) {
    if (steps > codes) {
      throw new EqvaeException.Argument(
          "MaskGIT: %d steps for %d codes in Halton order; use fewer steps"
              .formatted(steps, codes));
    }
  }

  @Override
  public HaltonSampler unguided() {
    return new HaltonSampler(steps, 0, sharpness, likeliest, rolled);
  }

  @Override
  public int[] sample(
      Network network, int[] start, int mask, Draws draws, ObjIntConsumer<int[]> trace) {
    int[] codes = start.clone();
    int[] order = HaltonOrder.of((int) Math.round(Math.sqrt(codes.length)));
    int offset = rolled ? draws.offset(order.length) : 0;
    int[] totals = HaltonOrder.totals(codes.length, steps);
    int given = 0;
    for (int step = 0; step < steps && given < order.length; step++) {
      float[] logits = CodeOdds.guided(network, codes, guidance != 0, guidance);
      int classes = logits.length / codes.length;
      for (; given < Math.min(totals[step], order.length); given++) {
        int place = order[Math.floorMod(given - offset, order.length)];
        if (start[place] == mask) {
          float[] p = CodeOdds.softmax(logits, place, classes, sharpness.at(step, steps));
          codes[place] = draws.code(step, place, likeliest == 0 ? p : topK(p));
        }
      }
      trace.accept(codes.clone(), step);
    }
    return CodeOdds.withoutMask(codes, mask);
  }

  /**
   * Keeps the most probable codes, the first ones among equals, and normalises their probabilities.
   */
  private float[] topK(float[] p) {
    Integer[] numbers = new Integer[p.length];
    java.util.Arrays.setAll(numbers, i -> i);
    java.util.Arrays.sort(numbers, java.util.Comparator.comparing((Integer i) -> -p[i]));
    float[] out = new float[p.length];
    double sum = 0;
    for (int i = 0; i < Math.min(likeliest, p.length); i++) {
      sum += p[numbers[i]];
    }
    for (int i = 0; i < Math.min(likeliest, p.length); i++) {
      out[numbers[i]] = (float) (p[numbers[i]] / sum);
    }
    return out;
  }
}
