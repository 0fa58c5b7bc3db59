package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.function.ObjIntConsumer;

/**
 * The probability flow dx/dt = v(x, t), solved from noise to data in steps of a grid of times
 * (willisma/SiT, {@code transport/integrators.py}; methods of rtqichen/torchdiffeq). {@link
 * Dopri5Sampler} chooses its steps by itself.
 *
 * @param transport what the network's answer means
 * @param method the rule of a step
 * @param steps how many steps; the reference's {@code num_steps} counts times, one more
 * @param shift of the times, see {@link TimeShift}; 1 as published
 * @param reverse from data to noise: which noise a sample comes from
 */
public record OdeSampler(
    Transport transport, Method method, int steps, double shift, boolean reverse)
    implements Sampler {
  /** Explicit Runge–Kutta rules, under torchdiffeq's names. */
  public enum Method {
    /** One call a step. */
    EULER(new double[][] {{}}, new double[] {1}),
    /** The midpoint rule: two calls. */
    MIDPOINT(new double[][] {{}, {0.5}}, new double[] {0, 1}),
    /** Heun's rule of second order: two calls. */
    HEUN2(new double[][] {{}, {1}}, new double[] {0.5, 0.5}),
    /** Heun's rule of third order: three calls. */
    HEUN3(new double[][] {{}, {1 / 3.0}, {0, 2 / 3.0}}, new double[] {0.25, 0, 0.75}),
    /** The 3/8 rule of fourth order, which torchdiffeq calls rk4: four calls. */
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
     * How often the network is asked in a step.
     *
     * @return the count
     */
    public int calls() {
      return weights.length;
    }

    /** What the slopes before call k count in the state that it sees. */
    double[] stage(int k) {
      return stages[k];
    }

    /** Where in the step call k is. */
    double place(int k) {
      double part = 0;
      for (double a : stages[k]) {
        part += a;
      }
      return part;
    }

    /** What slope k counts in the step. */
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
   * From noise to data, with times evenly spaced.
   *
   * @param transport what the network's answer means
   * @param method the rule of a step
   * @param steps how many steps
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

  private float[] step(Denoiser network, float[] x, double from, double to) {
    double length = to - from;
    float[][] slopes = new float[method.calls()][];
    for (int k = 0; k < slopes.length; k++) {
      float[] at = combine(x, slopes, method.stages[k], length);
      slopes[k] = velocity(transport, network, at, from + method.place(k) * length);
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

  /** The network's answer as a velocity. */
  static float[] velocity(Transport transport, Denoiser network, float[] x, double time) {
    float[] said = answer(network, x, time);
    float[] out = new float[x.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) transport.velocity(said[i], x[i], time);
    }
    return out;
  }

  /** What the network says; it must be as much as the state. */
  static float[] answer(Denoiser network, float[] x, double time) {
    float[] said = network.predict(x, time);
    if (said.length != x.length) {
      throw new EqvaeException.Argument(
          "The network says "
              + said.length
              + " numbers of a state of "
              + x.length
              + "; SiT says one for each. Of a network with learn_sigma take the first half of its"
              + " channels.");
    }
    return said;
  }
}
