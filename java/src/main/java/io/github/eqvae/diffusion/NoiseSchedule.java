package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The noise schedule of a discrete diffusion process: β of each step and the coefficients that
 * follow from it, in double precision as in facebookresearch/DiT, {@code
 * diffusion/gaussian_diffusion.py}. Step 0 has the least noise. ᾱ is the product of 1 − β up to a
 * step.
 *
 * <p>A respaced process keeps some steps of another one: its β are computed from the kept ᾱ, and
 * {@link #originalStep} is the time that the network gets.
 */
public final class NoiseSchedule {
  /** The largest β of a cosine schedule. */
  private static final double LARGEST_BETA = 0.999;

  /** The first β, and the last, times the number of steps. */
  private static final double FIRST = 1000 * 0.0001;

  private static final double LAST = 1000 * 0.02;

  private static final double COSINE_OFFSET = 0.008;

  private final double[] betas;
  private final double[] alphasCumulative;
  private final int[] originalSteps;

  private NoiseSchedule(double[] betas, int[] originalSteps) {
    this.betas = betas;
    this.originalSteps = originalSteps;
    alphasCumulative = new double[betas.length];
    double product = 1;
    for (int t = 0; t < betas.length; t++) {
      product *= 1 - betas[t];
      alphasCumulative[t] = product;
    }
  }

  /**
   * Creates a schedule from given β.
   *
   * @param betas β of each step, above 0 and at most 1
   * @return the schedule
   * @throws EqvaeException.Argument when there is no β, or one is out of range
   */
  public static NoiseSchedule of(double... betas) {
    if (betas.length == 0) {
      throw new EqvaeException.Argument("A noise schedule needs at least one step");
    }
    for (int t = 0; t < betas.length; t++) {
      if (!(betas[t] > 0 && betas[t] <= 1)) {
        throw new EqvaeException.Argument(
            "β of step " + t + " is " + betas[t] + ", expected above 0 and at most 1");
      }
    }
    return new NoiseSchedule(betas.clone(), IntStream.range(0, betas.length).toArray());
  }

  /**
   * The linear schedule of DiT: β rises from 0.1/steps to 20/steps (Ho et al. 2020, for any number
   * of steps).
   *
   * @param steps number of steps, 1000 as published
   * @return the schedule
   * @throws EqvaeException.Argument when there are fewer than 20: β would be above 1
   */
  public static NoiseSchedule linear(int steps) {
    requireSteps(steps);
    return of(evenly(FIRST / steps, LAST / steps, steps));
  }

  /**
   * β rises with the square of the step, from 0.1/steps to 20/steps (DiT: {@code
   * get_beta_schedule}, {@code quad}).
   *
   * @param steps number of steps
   * @return the schedule
   * @throws EqvaeException.Argument when there are fewer than 20
   */
  public static NoiseSchedule quadratic(int steps) {
    requireSteps(steps);
    double[] roots = evenly(Math.sqrt(FIRST / steps), Math.sqrt(LAST / steps), steps);
    return of(Arrays.stream(roots).map(root -> root * root).toArray());
  }

  /**
   * β rises from 0.1/steps to 20/steps in the first part of the steps, and stays there (DiT: {@code
   * warmup10}, {@code warmup50}).
   *
   * @param steps number of steps
   * @param part the part of the steps, up to 1
   * @return the schedule
   * @throws EqvaeException.Argument when there are fewer than 20, or the part is out of range
   */
  public static NoiseSchedule warmup(int steps, double part) {
    requireSteps(steps);
    if (!(part > 0 && part <= 1)) {
      throw new EqvaeException.Argument(
          "β cannot rise over " + part + " of the steps, expected above 0 and at most 1");
    }
    double[] betas = new double[steps];
    Arrays.fill(betas, LAST / steps);
    double[] rising = evenly(FIRST / steps, LAST / steps, (int) (steps * part));
    System.arraycopy(rising, 0, betas, 0, rising.length);
    return of(betas);
  }

  /**
   * β is 20/steps in each step (DiT: {@code const}).
   *
   * @param steps number of steps
   * @return the schedule
   * @throws EqvaeException.Argument when there are fewer than 20
   */
  public static NoiseSchedule constant(int steps) {
    requireSteps(steps);
    double[] betas = new double[steps];
    Arrays.fill(betas, LAST / steps);
    return of(betas);
  }

  /**
   * β is 1/steps, 1/(steps − 1), …, 1 (Sohl-Dickstein et al. 2015; DiT: {@code jsd}). Nothing of
   * the data is left after the last step, so a network must predict the data: noise would be
   * divided by 0.
   *
   * @param steps number of steps
   * @return the schedule
   */
  public static NoiseSchedule jsd(int steps) {
    double[] betas = new double[steps];
    Arrays.setAll(betas, t -> 1.0 / (steps - t));
    return of(betas);
  }

  private static void requireSteps(int steps) {
    if (steps < LAST) {
      throw new EqvaeException.Argument(
          "A schedule whose β ends with 20/steps needs at least 20 steps, got "
              + steps
              + ". To sample with fewer steps, respace a schedule of 1000.");
    }
  }

  /** As many numbers at equal distances, the last one exactly. */
  private static double[] evenly(double first, double last, int count) {
    double[] values = new double[count];
    double each = (last - first) / (count - 1);
    Arrays.setAll(values, i -> first + i * each);
    values[count - 1] = last;
    return values;
  }

  /**
   * The cosine schedule (Nichol and Dhariwal 2021, equation 17; {@code squaredcos_cap_v2}).
   *
   * @param steps number of steps
   * @return the schedule
   */
  public static NoiseSchedule cosine(int steps) {
    if (steps < 1) {
      throw new EqvaeException.Argument("A noise schedule needs at least one step, got " + steps);
    }
    double[] betas = new double[steps];
    for (int t = 0; t < steps; t++) {
      double before = cosineAlpha((double) t / steps);
      double after = cosineAlpha((double) (t + 1) / steps);
      betas[t] = Math.min(1 - after / before, LARGEST_BETA);
    }
    return of(betas);
  }

  private static double cosineAlpha(double time) {
    double cos = Math.cos((time + COSINE_OFFSET) / (1 + COSINE_OFFSET) * Math.PI / 2);
    return cos * cos;
  }

  /**
   * The process that keeps only some steps of this one.
   *
   * @param kept steps of this process, ascending; see {@link Respacing}
   * @return the respaced process
   * @throws EqvaeException.Argument when a step is not one of this process, or they are not
   *     ascending
   */
  public NoiseSchedule respaced(int... kept) {
    double[] spaced = new double[kept.length];
    int[] original = new int[kept.length];
    double last = 1;
    for (int i = 0; i < kept.length; i++) {
      if (kept[i] < 0 || kept[i] >= steps() || (i > 0 && kept[i] <= kept[i - 1])) {
        throw new EqvaeException.Argument(
            "Steps "
                + Arrays.toString(kept)
                + " must be ascending and within 0 to "
                + (steps() - 1)
                + " to be kept");
      }
      spaced[i] = 1 - alphasCumulative[kept[i]] / last;
      last = alphasCumulative[kept[i]];
      original[i] = originalSteps[kept[i]];
    }
    return new NoiseSchedule(of(spaced).betas, original);
  }

  /**
   * The number of steps.
   *
   * @return the count
   */
  public int steps() {
    return betas.length;
  }

  /**
   * The time that the network gets at a step.
   *
   * @param t the step
   * @return the step's number in the process that the network was trained on
   */
  public int originalStep(int t) {
    return originalSteps[t];
  }

  /**
   * β, the variance of the noise that a step adds.
   *
   * @param t the step
   * @return β
   */
  public double beta(int t) {
    return betas[t];
  }

  /**
   * ᾱ, the share of the data's variance that remains after a step.
   *
   * @param t the step; −1 (before the first step) gives 1, {@link #steps()} (after the last step)
   *     gives 0
   * @return the product of 1 − β
   */
  public double alphaCumulative(int t) {
    return t < 0 ? 1 : t == betas.length ? 0 : alphasCumulative[t];
  }

  /**
   * The variance of the posterior q(x[t−1] | x[t], x[0]), equation 7 of Ho et al. 2020.
   *
   * @param t the step
   * @return the variance; 0 at step 0
   */
  public double posteriorVariance(int t) {
    return betas[t] * (1 - alphaCumulative(t - 1)) / (1 - alphasCumulative[t]);
  }

  /**
   * The logarithm of the posterior variance; at step 0, where the variance is 0, that of step 1.
   *
   * @param t the step
   * @return the logarithm
   * @throws EqvaeException.Argument when the process has only one step, whose posterior variance is
   *     0
   */
  public double posteriorLogVariance(int t) {
    if (betas.length < 2) {
      throw new EqvaeException.Argument(
          "A process of one step has no posterior variance; sample with at least two steps");
    }
    return Math.log(posteriorVariance(Math.max(t, 1)));
  }

  /**
   * The factor of x[0] in the mean of the posterior.
   *
   * @param t the step
   * @return the coefficient
   */
  public double posteriorMeanOfStart(int t) {
    return betas[t] * Math.sqrt(alphaCumulative(t - 1)) / (1 - alphasCumulative[t]);
  }

  /**
   * The factor of x[t] in the mean of the posterior.
   *
   * @param t the step
   * @return the coefficient
   */
  public double posteriorMeanOfCurrent(int t) {
    return (1 - alphaCumulative(t - 1)) * Math.sqrt(1 - betas[t]) / (1 - alphasCumulative[t]);
  }
}
