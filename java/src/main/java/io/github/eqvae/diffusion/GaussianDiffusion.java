package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;

/**
 * The discrete diffusion process of DiT (Ho et al. 2020; Nichol and Dhariwal 2021;
 * facebookresearch/DiT, {@code diffusion/gaussian_diffusion.py}): how data are corrupted, and how
 * data and the posterior of the previous step follow from a network's output.
 *
 * @param schedule the noise of each step
 * @param prediction what the network predicts
 * @param variance the variance of the reverse process
 */
public record GaussianDiffusion(NoiseSchedule schedule, Prediction prediction, Variance variance) {
  /** What a network predicts. */
  public enum Prediction {
    /** The noise ε: published DiT. */
    EPSILON,
    /** The data x[0]. */
    START,
    /** The velocity √ᾱ·ε − √(1−ᾱ)·x[0] (Salimans and Ho 2022). */
    VELOCITY
  }

  /** The variance of a step of the reverse process. */
  public enum Variance {
    /** The posterior's. */
    FIXED_SMALL,
    /** β; at step 0 the posterior's of step 1. */
    FIXED_LARGE,
    /** The network predicts a value between the two, on a logarithmic scale: published DiT. */
    LEARNED_RANGE,
    /**
     * The network predicts the logarithm of the variance (openai/improved-diffusion, {@code
     * ModelVarType.LEARNED}). DiT's own code has the name, too, but does what {@link
     * #LEARNED_RANGE} does.
     */
    LEARNED;

    /**
     * Whether the network predicts it.
     *
     * @return true if so
     */
    public boolean isLearned() {
      return this == LEARNED_RANGE || this == LEARNED;
    }
  }

  /**
   * DiT as published: 1000 linear steps, ε, a learned variance.
   *
   * @return the process
   */
  public static GaussianDiffusion published() {
    return new GaussianDiffusion(
        NoiseSchedule.linear(1000), Prediction.EPSILON, Variance.LEARNED_RANGE);
  }

  /**
   * The same process with fewer steps.
   *
   * @param text the steps, see {@link Respacing#of}
   * @return the respaced process
   */
  public GaussianDiffusion respaced(String text) {
    int[] kept = Respacing.of(schedule.steps(), text);
    return new GaussianDiffusion(schedule.respaced(kept), prediction, variance);
  }

  /**
   * Corrupts data: q(x[t] | x[0]).
   *
   * @param start the data x[0], of one sample
   * @param noise as many standard normal numbers
   * @param t the step
   * @return x[t]
   */
  public float[] corrupt(float[] start, float[] noise, int t) {
    double data = Math.sqrt(schedule.alphaCumulative(t));
    double rest = Math.sqrt(1 - schedule.alphaCumulative(t));
    float[] out = new float[start.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) (data * start[i] + rest * noise[i]);
    }
    return out;
  }

  /**
   * The target of the network's prediction, for one number.
   *
   * @param start the data
   * @param noise the noise
   * @param t the step
   * @return the target
   */
  public double target(double start, double noise, int t) {
    double alpha = schedule.alphaCumulative(t);
    return switch (prediction) {
      case EPSILON -> noise;
      case START -> start;
      case VELOCITY -> Math.sqrt(alpha) * noise - Math.sqrt(1 - alpha) * start;
    };
  }

  /**
   * The data that follow from the network's output, for one number.
   *
   * @param x x[t]
   * @param output the network's output
   * @param t the step
   * @return x[0]
   */
  public double start(double x, double output, int t) {
    double alpha = schedule.alphaCumulative(t);
    return switch (prediction) {
      case EPSILON -> Math.sqrt(1 / alpha) * x - Math.sqrt(1 / alpha - 1) * output;
      case START -> output;
      case VELOCITY -> Math.sqrt(alpha) * x - Math.sqrt(1 - alpha) * output;
    };
  }

  /**
   * The noise that follows from x[t] and x[0], for one number.
   *
   * @param x x[t]
   * @param start x[0]
   * @param t the step
   * @return ε
   */
  public double noise(double x, double start, int t) {
    double alpha = schedule.alphaCumulative(t);
    return (Math.sqrt(1 / alpha) * x - start) / Math.sqrt(1 / alpha - 1);
  }

  /**
   * The mean of the posterior q(x[t−1] | x[t], x[0]), for one number.
   *
   * @param x x[t]
   * @param start x[0]
   * @param t the step
   * @return the mean
   */
  public double posteriorMean(double x, double start, int t) {
    return schedule.posteriorMeanOfStart(t) * start + schedule.posteriorMeanOfCurrent(t) * x;
  }

  /**
   * The logarithm of the variance of a step of the reverse process.
   *
   * @param output the network's output for it: from −1 (smallest) to 1 (largest), or the logarithm
   *     itself; ignored if the variance is fixed
   * @param t the step
   * @return the logarithm
   */
  public double logVariance(double output, int t) {
    return switch (variance) {
      case FIXED_SMALL -> schedule.posteriorLogVariance(t);
      case FIXED_LARGE -> t == 0 ? schedule.posteriorLogVariance(0) : Math.log(schedule.beta(t));
      case LEARNED_RANGE -> {
        double part = (output + 1) / 2;
        yield part * Math.log(schedule.beta(t)) + (1 - part) * schedule.posteriorLogVariance(t);
      }
      case LEARNED -> output;
    };
  }

  /**
   * The number of outputs that the network has per channel of a latent.
   *
   * @return 2 with a learned variance, else 1
   */
  public int outputsPerChannel() {
    return variance.isLearned() ? 2 : 1;
  }

  /** Checks the size of a network's output. */
  void requireOutputs(int state, int output) {
    if (output != state * outputsPerChannel()) {
      throw new EqvaeException.Argument(
          "The network returned "
              + output
              + " numbers for a state of "
              + state
              + "; with variance "
              + variance
              + " it must return "
              + state * outputsPerChannel()
              + ". Sample with the learn_sigma that it was trained with.");
    }
  }
}
