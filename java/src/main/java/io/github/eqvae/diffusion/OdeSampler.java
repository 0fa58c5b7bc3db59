package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.function.ObjIntConsumer;

/**
 * Solves the probability flow dx/dt = v(x, t) from noise to data on a fixed grid of times
 * (willisma/SiT, {@code transport/integrators.py}; methods of rtqichen/torchdiffeq). {@link
 * Dopri5Sampler} has adaptive steps.
 *
 * @param transport how the network's output is read
 * @param method the Runge–Kutta method
 * @param steps number of steps; the reference's {@code num_steps} counts times, which is one more
 * @param shift shift of the times, see {@link TimeShift}; 1 as published
 * @param reverse whether to solve from data to noise, to find the noise that a sample comes from
 */
public record OdeSampler(
    Transport transport, Method method, int steps, double shift, boolean reverse)
    implements Sampler {
  /** Explicit Runge–Kutta methods, under torchdiffeq's names. */
  public enum Method {
    /** Euler's method: one evaluation per step. */
    EULER(new double[][] {{}}, new double[] {1}),
    /** The midpoint method: two evaluations. */
    MIDPOINT(new double[][] {{}, {0.5}}, new double[] {0, 1}),
    /** Heun's method of order 2: two evaluations. */
    HEUN2(new double[][] {{}, {1}}, new double[] {0.5, 0.5}),
    /** Heun's method of order 3: three evaluations. */
    HEUN3(new double[][] {{}, {1 / 3.0}, {0, 2 / 3.0}}, new double[] {0.25, 0, 0.75}),
    /** The 3/8 rule of order 4, which torchdiffeq calls rk4: four evaluations. */
    RK4(
        new double[][] {{}, {1 / 3.0}, {-1 / 3.0, 1}, {1, -1, 1}},
        new double[] {0.125, 0.375, 0.375, 0.125});

    private final double[][] stages;
    private final double[] weights;

    Method(double[][] stages, double[] weights) {
      this.stages = stages;
      this.weights = weights;
    }

    /**
     * The number of evaluations per step.
     *
     * @return the count
     */
    public int calls() {
      return weights.length;
    }

    /** The weights of the earlier slopes in the state of stage k. */
    double[] stage(int k) {
      return stages[k];
    }

    /** The time of stage k as a fraction of the step. */
    double place(int k) {
      double part = 0;
      for (double a : stages[k]) {
        part += a;
      }
      return part;
    }

    /** The weight of slope k in the step. */
    double weight(int k) {
      return weights[k];
    }

    double[] weights() {
      return weights;
    }
  }

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when there is no step or the shift is not above 0
   */
  public OdeSampler {
    if (steps < 1 || !(shift > 0)) {
      throw new EqvaeException.Argument(
          "A sampler needs at least one step and a shift above 0; got "
              + steps
              + " steps and a shift of "
              + shift);
    }
  }

  /**
   * Creates a sampler from noise to data, with evenly spaced times.
   *
   * @param transport how the network's output is read
   * @param method the Runge–Kutta method
   * @param steps number of steps
   */
  public OdeSampler(Transport transport, Method method, int steps) {
    this(transport, method, steps, 1, false);
  }

  @Override
  public float[] sample(
      Denoiser network, float[] start, StepNoise noise, ObjIntConsumer<float[]> trace) {
    Transport.Interval interval = reverse ? transport.ode().reversed() : transport.ode();
    double[] times = TimeShift.grid(interval.from(), interval.to(), steps + 1, shift);
    float[] x = start.clone();
    for (int step = 0; step < steps; step++) {
      x = step(network, x, (float) times[step], (float) times[step + 1]);
      trace.accept(x, step);
    }
    return x;
  }

  /** Times are computed in single precision, so that the network is told the reference's. */
  private float[] step(Denoiser network, float[] x, float from, float to) {
    float length = to - from;
    float[][] slopes = new float[method.calls()][];
    for (int k = 0; k < slopes.length; k++) {
      float[] at = combine(x, slopes, method.stages[k], length);
      slopes[k] = velocity(transport, network, at, from + (float) method.place(k) * length);
    }
    return combine(x, slopes, method.weights, length);
  }

  /** x + length · Σ weights · slopes. */
  static float[] combine(float[] x, float[][] slopes, double[] weights, double length) {
    if (weights.length == 0) {
      return x;
    }
    float[] out = new float[x.length];
    for (int i = 0; i < out.length; i++) {
      double sum = 0;
      for (int k = 0; k < weights.length; k++) {
        sum += weights[k] * slopes[k][i];
      }
      out[i] = (float) (x[i] + length * sum);
    }
    return out;
  }

  /** The velocity that follows from the network's output. */
  static float[] velocity(Transport transport, Denoiser network, float[] x, double time) {
    float[] output = evaluate(network, x, time);
    float[] out = new float[x.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) transport.velocity(output[i], x[i], time);
    }
    return out;
  }

  /** The network's output, which must have the size of the state. */
  static float[] evaluate(Denoiser network, float[] x, double time) {
    float[] output = network.predict(x, time);
    if (output.length != x.length) {
      throw new EqvaeException.Argument(
          "The network returned "
              + output.length
              + " numbers for a state of "
              + x.length
              + "; SiT returns one for each. If the network has learn_sigma, pass the first half of"
              + " its channels.");
    }
    return output;
  }
}
