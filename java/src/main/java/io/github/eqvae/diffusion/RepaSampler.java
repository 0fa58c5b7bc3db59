package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.function.ObjIntConsumer;

/**
 * Samples of networks trained with REPA, whose time runs from noise (1) to data (0)
 * (sihyun-yu/REPA, {@code samplers.py}): the probability flow by Euler or Heun, or the stochastic
 * equation by Euler and Maruyama, with w = 2t and a last step of 0.04 without noise.
 *
 * <p>The state is kept in double precision between steps, as there; the network sees it in single
 * precision. Guidance within an interval is decided by the time at which a step begins, for Heun's
 * second call, too ({@link Denoiser#predict(float[], double, double)}). Guiding the drift, as the
 * reference does for the stochastic equation, is guiding the velocity: one is the other times a
 * number, plus what no label changes.
 *
 * @param path {@link Interpolant#LINEAR} as published, or {@link Interpolant#GVP}, REPA's cosine;
 *     it matters to the stochastic equation only
 * @param method the rule of a step
 * @param steps how many steps; 250 as published for Euler–Maruyama
 */
public record RepaSampler(Interpolant path, Method method, int steps) implements Sampler {
  /** The rule of a step. */
  public enum Method {
    /** One call a step. */
    EULER,
    /** Two calls a step, one in the last. */
    HEUN,
    /** One call a step, and noise. */
    EULER_MARUYAMA
  }

  private static final double LAST = 0.04;

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when there are fewer than two steps, or the path is none of
   *     REPA's
   */
  public RepaSampler {
    if (steps < 2 || path == Interpolant.VP) {
      throw new EqvaeException.Argument(
          "REPA's samplers take at least 2 steps along a linear or gvp path; got %d along %s"
              .formatted(steps, path));
    }
  }

  @Override
  public float[] sample(
      Denoiser network, float[] start, StepNoise noise, ObjIntConsumer<float[]> trace) {
    double[] x = new double[start.length];
    for (int i = 0; i < x.length; i++) {
      x[i] = start[i];
    }
    double[] times = times();
    for (int step = 0; step < steps; step++) {
      double t = times[step];
      double length = times[step + 1] - t; // below 0
      boolean last = step == steps - 1;
      if (method == Method.EULER_MARUYAMA) {
        maruyama(network, x, t, length, last ? null : noise.draw(step, x.length));
      } else {
        flow(network, x, t, length, method == Method.HEUN && !last);
      }
      trace.accept(rounded(x), step);
    }
    return rounded(x);
  }

  /** Evenly from 1 to 0; the stochastic equation evenly from 1 to its last step. */
  private double[] times() {
    boolean stochastic = method == Method.EULER_MARUYAMA;
    double[] times = new double[steps + 1];
    int even = stochastic ? steps - 1 : steps;
    double to = stochastic ? LAST : 0;
    for (int i = 0; i <= even; i++) {
      times[i] = 1 + (to - 1) * i / even;
    }
    times[steps] = 0;
    return times;
  }

  private static void flow(Denoiser network, double[] x, double t, double length, boolean second) {
    float[] v = ask(network, x, t, t);
    double[] next = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      next[i] = x[i] + length * v[i];
    }
    if (second) {
      float[] after = ask(network, next, t + length, t);
      for (int i = 0; i < x.length; i++) {
        next[i] = x[i] + length * (0.5 * v[i] + 0.5 * after[i]);
      }
    }
    System.arraycopy(next, 0, x, 0, x.length);
  }

  private void maruyama(Denoiser network, double[] x, double t, double length, float[] drawn) {
    float[] v = ask(network, x, t, t);
    double w = 2 * t;
    for (int i = 0; i < x.length; i++) {
      double drift = v[i] - 0.5 * w * score(v[i], x[i], t);
      x[i] += length * drift;
      if (drawn != null) {
        x[i] += Math.sqrt(w) * Math.sqrt(-length) * drawn[i];
      }
    }
  }

  /** ∇ log p(x) of a velocity on this clock. */
  double score(double velocity, double x, double time) {
    double t = 1 - time;
    double alpha = path.alpha(t);
    double alphaRate = -path.alphaRate(t);
    double sigma = path.sigma(t);
    double sigmaRate = -path.sigmaRate(t);
    double ratio = alpha / alphaRate;
    return (ratio * velocity - x) / (sigma * sigma - ratio * sigmaRate * sigma);
  }

  private static float[] ask(Denoiser network, double[] x, double time, double stepStart) {
    float[] said = network.predict(rounded(x), time, stepStart);
    if (said.length != x.length) {
      throw new EqvaeException.Argument(
          "The network says " + said.length + " numbers of a state of " + x.length);
    }
    return said;
  }

  private static float[] rounded(double[] x) {
    float[] out = new float[x.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) x[i];
    }
    return out;
  }
}
