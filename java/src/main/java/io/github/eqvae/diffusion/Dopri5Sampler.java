package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.function.ObjIntConsumer;

/**
 * Solves the probability flow with the Dormand–Prince method of order 5 with adaptive steps, the
 * default of SiT (rtqichen/torchdiffeq, {@code dopri5}). The error is one number for all that is
 * given. So samples depend on each other if a batch is given, as in the reference; {@code
 * serve.Generator} gives one sample at a time.
 *
 * @param transport how the network's output is read
 * @param absolute the absolute tolerance, 10⁻⁶ as published
 * @param relative the relative tolerance, 10⁻³ as published
 * @param overshoot true as published: the last step goes beyond the last time, where the network
 *     was never trained (t = 2.8 was observed), and the result is interpolated; false: the last
 *     step ends at the last time
 */
public record Dopri5Sampler(
    Transport transport, double absolute, double relative, boolean overshoot) implements Sampler {
  private static final double[][] STAGES = {
    {1 / 5.0},
    {3 / 40.0, 9 / 40.0},
    {44 / 45.0, -56 / 15.0, 32 / 9.0},
    {19372 / 6561.0, -25360 / 2187.0, 64448 / 6561.0, -212 / 729.0},
    {9017 / 3168.0, -355 / 33.0, 46732 / 5247.0, 49 / 176.0, -5103 / 18656.0},
    {35 / 384.0, 0, 500 / 1113.0, 125 / 192.0, -2187 / 6784.0, 11 / 84.0}
  };
  private static final double[] TIMES = {1 / 5.0, 3 / 10.0, 4 / 5.0, 8 / 9.0, 1, 1};

  /** The weights of the solution of order 5 minus those of order 4. */
  private static final double[] ERROR = {
    35 / 384.0 - 1951 / 21600.0,
    0,
    500 / 1113.0 - 22642 / 50085.0,
    125 / 192.0 - 451 / 720.0,
    -2187 / 6784.0 + 12231 / 42400.0,
    11 / 84.0 - 649 / 6300.0,
    -1 / 60.0
  };

  /** The weights of the middle of a step (Shampine 1986), for the interpolation. */
  private static final double[] MIDDLE = {
    6025192743.0 / 30085553152.0 / 2,
    0,
    51252292925.0 / 65400821598.0 / 2,
    -2691868925.0 / 45128329728.0 / 2,
    187940372067.0 / 1594534317056.0 / 2,
    -1776094331.0 / 19743644256.0 / 2,
    11237099.0 / 235043384.0 / 2
  };

  private static final double SAFETY = 0.9;
  private static final double LONGEST = 10;
  private static final double SHORTEST = 0.2;
  private static final int MOST_STEPS = 100_000;

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when both tolerances are 0, or one is negative
   */
  public Dopri5Sampler {
    if (!(absolute >= 0 && relative >= 0 && absolute + relative > 0)) {
      throw new EqvaeException.Argument(
          "dopri5 needs a tolerance above 0; got absolute " + absolute + ", relative " + relative);
    }
  }

  @Override
  public float[] sample(
      Denoiser network, float[] start, StepNoise noise, ObjIntConsumer<float[]> trace) {
    Transport.Interval interval = transport.ode();
    double t = interval.from();
    double end = interval.to();
    float[] x = start.clone();
    float[] slope = OdeSampler.velocity(transport, network, x, t);
    double length = firstStep(network, x, slope, t);
    for (int step = 0; step < MOST_STEPS; step++) {
      double taken = overshoot ? length : Math.min(length, end - t);
      Step next = step(network, x, slope, t, taken);
      double error = next.error(x, absolute, relative);
      if (Double.isNaN(error)) {
        throw new EqvaeException.Argument(
            "dopri5: the network's output at t = "
                + t
                + " is not finite. Check its weights, or sample with a fixed number of steps.");
      }
      if (error <= 1) {
        if (t + taken >= end) {
          float[] last = overshoot ? next.at((end - t) / taken, x, slope) : next.x();
          trace.accept(last, step);
          return last;
        }
        t += taken;
        x = next.x();
        slope = next.slopes()[STAGES.length];
        trace.accept(x, step);
      }
      length = taken * factor(error);
    }
    throw new EqvaeException.Argument(
        "dopri5 made "
            + MOST_STEPS
            + " steps and is at t = "
            + t
            + ": use a larger tolerance, or sample with a fixed number of steps");
  }

  /** A step that may be rejected: the state at its end and the slopes of its stages. */
  private record Step(float[] x, float[][] slopes, double length) {
    double error(float[] from, double absolute, double relative) {
      double sum = 0;
      for (int i = 0; i < from.length; i++) {
        double error = 0;
        for (int k = 0; k < ERROR.length; k++) {
          error += ERROR[k] * slopes[k][i];
        }
        double allowed = absolute + relative * Math.max(Math.abs(from[i]), Math.abs(x[i]));
        double ratio = length * error / allowed;
        sum += ratio * ratio;
      }
      return Math.sqrt(sum / from.length);
    }

    /**
     * Interpolates within the step with the polynomial of degree 4 through both ends, their slopes
     * and the middle.
     */
    float[] at(double part, float[] from, float[] slope) {
      float[] middle = OdeSampler.combine(from, slopes, MIDDLE, length);
      float[] end = slopes[STAGES.length];
      float[] out = new float[from.length];
      for (int i = 0; i < out.length; i++) {
        double first = length * slope[i];
        double last = length * end[i];
        double a = 2 * (last - first) - 8 * ((double) x[i] + from[i]) + 16.0 * middle[i];
        double b = 5 * first - 3 * last + 18.0 * from[i] + 14.0 * x[i] - 32.0 * middle[i];
        double c = last - 4 * first - 11.0 * from[i] - 5.0 * x[i] + 16.0 * middle[i];
        out[i] = (float) ((((a * part + b) * part + c) * part + first) * part + from[i]);
      }
      return out;
    }
  }

  private Step step(Denoiser network, float[] x, float[] slope, double t, double length) {
    float[][] slopes = new float[STAGES.length + 1][];
    slopes[0] = slope;
    float[] at = x;
    for (int k = 0; k < STAGES.length; k++) {
      at = OdeSampler.combine(x, slopes, STAGES[k], length);
      slopes[k + 1] = OdeSampler.velocity(transport, network, at, t + TIMES[k] * length);
    }
    return new Step(at, slopes, length);
  }

  private static double factor(double error) {
    if (error == 0) {
      return LONGEST;
    }
    double shortest = error < 1 ? 1 : SHORTEST;
    return Math.min(LONGEST, Math.max(SAFETY / Math.pow(error, 0.2), shortest));
  }

  /**
   * The length of the first step: Hairer, Nørsett and Wanner, Solving Ordinary Differential
   * Equations I, section II.4.
   */
  private double firstStep(Denoiser network, float[] x, float[] slope, double t) {
    double sizeOfState = norm(x, x);
    double sizeOfSlope = norm(slope, x);
    double guess =
        sizeOfState < 1e-5 || sizeOfSlope < 1e-5 ? 1e-6 : 0.01 * sizeOfState / sizeOfSlope;
    float[] at = OdeSampler.combine(x, new float[][] {slope}, new double[] {1}, guess);
    float[] there = OdeSampler.velocity(transport, network, at, t + guess);
    float[] change = new float[x.length];
    for (int i = 0; i < change.length; i++) {
      change[i] = there[i] - slope[i];
    }
    double sizeOfChange = norm(change, x) / guess;
    double length =
        sizeOfSlope <= 1e-15 && sizeOfChange <= 1e-15
            ? Math.max(1e-6, guess * 1e-3)
            : Math.pow(0.01 / Math.max(sizeOfSlope, sizeOfChange), 0.2);
    return Math.min(100 * guess, length);
  }

  /** Root mean square of values, each divided by its tolerance at x. */
  private double norm(float[] values, float[] x) {
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      double ratio = values[i] / (absolute + relative * Math.abs(x[i]));
      sum += ratio * ratio;
    }
    return Math.sqrt(sum / values.length);
  }
}
