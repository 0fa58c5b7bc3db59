package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.function.ObjIntConsumer;

/**
 * Samplers for networks trained with REPA, whose time runs from noise (1) to data (0)
 * (sihyun-yu/REPA, {@code samplers.py}): the probability flow with Euler's or Heun's method, or the
 * SDE with the Euler–Maruyama method, with w = 2t and a last step of 0.04 without noise.
 *
 * <p>As in the reference, the state is kept in double precision between steps; the network gets it
 * in single precision. The time at which a step begins decides whether guidance is applied, also
 * for Heun's second evaluation ({@link Denoiser#predict(float[], double, double)}). The reference
 * guides the drift of the SDE; this equals guiding the velocity, because the drift is a linear
 * function of the velocity that no label changes.
 *
 * @param path {@link Interpolant#LINEAR} as published, or {@link Interpolant#GVP}, REPA's cosine;
 *     only the SDE depends on it
 * @param method the method of integration
 * @param steps number of steps; 250 as published for Euler–Maruyama
 */
public record RepaSampler(Interpolant path, Method method, int steps) implements Sampler {
  /** Methods of integration. */
  public enum Method {
    /** Euler: one evaluation per step. */
    EULER,
    /** Heun: two evaluations per step, one in the last step. */
    HEUN,
    /** Euler–Maruyama: one evaluation per step, and noise. */
    EULER_MARUYAMA
  }

  private static final double LAST = 0.04;

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when there are fewer than two steps, or REPA has no such path
   */
  public RepaSampler {
    if (steps < 2 || path == Interpolant.VP) {
      throw new EqvaeException.Argument(
          "REPA's samplers need at least 2 steps and a linear or gvp path; got %d and %s"
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

  /** Evenly spaced times from 1 to 0; for the SDE from 1 to the beginning of the last step. */
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
    float[] v = evaluate(network, x, t, t);
    double[] next = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      next[i] = x[i] + length * v[i];
    }
    if (second) {
      float[] after = evaluate(network, next, t + length, t);
      for (int i = 0; i < x.length; i++) {
        next[i] = x[i] + length * (0.5 * v[i] + 0.5 * after[i]);
      }
    }
    System.arraycopy(next, 0, x, 0, x.length);
  }

  private void maruyama(Denoiser network, double[] x, double t, double length, float[] drawn) {
    float[] v = evaluate(network, x, t, t);
    double w = 2 * t;
    for (int i = 0; i < x.length; i++) {
      double drift = v[i] - 0.5 * w * score(v[i], x[i], t);
      x[i] += length * drift;
      if (drawn != null) {
        x[i] += Math.sqrt(w) * Math.sqrt(-length) * drawn[i];
      }
    }
  }

  /** ∇ log p(x) that follows from a velocity, with REPA's direction of time. */
  double score(double velocity, double x, double time) {
    double t = 1 - time;
    double alpha = path.alpha(t);
    double alphaRate = -path.alphaRate(t);
    double sigma = path.sigma(t);
    double sigmaRate = -path.sigmaRate(t);
    double ratio = alpha / alphaRate;
    return (ratio * velocity - x) / (sigma * sigma - ratio * sigmaRate * sigma);
  }

  private static float[] evaluate(Denoiser network, double[] x, double time, double stepStart) {
    float[] output = network.predict(rounded(x), time, stepStart);
    if (output.length != x.length) {
      throw new EqvaeException.Argument(
          "The network returned " + output.length + " numbers for a state of " + x.length);
    }
    return output;
  }

  private static float[] rounded(double[] x) {
    float[] out = new float[x.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) x[i];
    }
    return out;
  }
}
