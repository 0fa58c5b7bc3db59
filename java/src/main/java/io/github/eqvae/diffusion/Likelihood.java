package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/**
 * The likelihood of data under the probability flow of a network: the flow is solved from data to
 * noise, whose density is known, and log p changes by −∇·v along the way (Chen et al., arXiv
 * 1806.07366, equation 8; SiT, arXiv 2401.08740; willisma/SiT, {@code sample_ode_likelihood}). The
 * divergence is estimated by ε·∇(v·ε) with random signs ε (Hutchinson; Grathwohl et al., arXiv
 * 1810.01367). The result is the density of latents, not of pictures.
 *
 * <p>The reference draws new signs for each call of the network, so the integrand is noisy in time;
 * a {@link StepNoise} that depends on the number of the call does the same. With the same signs in
 * every call the integrand is smooth; the averages over many draws agree. If the network predicts
 * score or noise on {@link Interpolant#VP}, the reference starts at t = 1, where it divides by 0;
 * here the integration starts at the time where sampling ends.
 *
 * @param transport how the network's output is read
 * @param method the Runge–Kutta method
 * @param steps number of steps; the reference's {@code num_steps} counts times, which is one more
 */
public record Likelihood(Transport transport, OdeSampler.Method method, int steps) {
  /** A network that can be differentiated with respect to its input. */
  @FunctionalInterface
  public interface Network {
    /**
     * Evaluates the network.
     *
     * @param x noisy samples, {@code [N, H, W, C]}; not kept
     * @param time the time of all samples
     * @param cotangent ε, of the shape of x
     * @return the output, and the gradient of Σ output·ε
     */
    Answer ask(float[] x, double time, float[] cotangent);
  }

  /**
   * A network's output.
   *
   * @param output the output, of the shape of x
   * @param gradient the gradient of Σ output·ε with respect to x, of the shape of x
   */
  public record Answer(float[] output, float[] gradient) {}

  /**
   * The result.
   *
   * @param nats log p of each sample
   * @param noise the noise at the end of the flow, {@code [N, H, W, C]}
   */
  public record Result(double[] nats, float[] noise) {
    /**
     * The likelihoods in bits per dimension.
     *
     * @return −log2 p / (H·W·C) of each sample; p is a density, so this may be negative
     */
    public double[] bitsPerDimension() {
      double numbers = (double) noise.length / nats.length;
      return Arrays.stream(nats).map(l -> -l / numbers / Math.log(2)).toArray();
    }
  }

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when there is no step
   */
  public Likelihood {
    if (steps < 1) {
      throw new EqvaeException.Argument("A likelihood needs at least one step; got " + steps);
    }
  }

  /**
   * Computes likelihoods.
   *
   * @param network the network
   * @param data samples, {@code [N, H, W, C]}
   * @param count N
   * @param signs provides numbers for the i-th call of the network, of which only the signs are
   *     used
   * @return their likelihoods
   * @throws EqvaeException.Argument when the data are not N samples
   */
  public Result of(Network network, float[] data, int count, StepNoise signs) {
    if (count < 1 || data.length == 0 || data.length % count != 0) {
      throw new EqvaeException.Argument(
          "Likelihood: " + data.length + " numbers are not " + count + " samples");
    }
    double[] times = times();
    double[] nats = new double[count];
    float[] x = data.clone();
    for (int step = 0; step < steps; step++) {
      double from = times[step];
      double length = times[step + 1] - from;
      float[][] slopes = new float[method.calls()][];
      for (int k = 0; k < slopes.length; k++) {
        float[] at = OdeSampler.combine(x, slopes, method.stage(k), length);
        float[] drawn = signs.draw(step * method.calls() + k, x.length);
        double time = from + method.place(k) * length;
        slopes[k] = slope(network, at, time, drawn, nats, method.weight(k) * length);
      }
      x = OdeSampler.combine(x, slopes, method.weights(), length);
    }
    addPrior(x, nats);
    return new Result(nats, x);
  }

  /** The times from data to noise. */
  private double[] times() {
    Transport.Interval ode = transport.ode();
    boolean velocity = transport.prediction() == Transport.Prediction.VELOCITY;
    Transport.Interval way =
        velocity ? ode.reversed() : new Transport.Interval(ode.to(), ode.from());
    double[] times = TimeShift.grid(way.from(), way.to(), steps + 1, 1);
    for (int i = 0; i < times.length; i++) {
      times[i] = (float) times[i];
    }
    return times;
  }

  /** The velocity; adds the change of log p by its divergence to {@code nats}. */
  private float[] slope(
      Network network, float[] x, double time, float[] drawn, double[] nats, double weight) {
    float[] signs = new float[x.length];
    for (int i = 0; i < signs.length; i++) {
      signs[i] = drawn[i] < 0 ? -1 : 1;
    }
    Answer answer = network.ask(x, time, signs);
    float[] slope = new float[x.length];
    double ofState = transport.velocity(0, 1, time); // v is linear in the output and in x
    double ofAnswer = transport.velocity(1, 0, time);
    int each = x.length / nats.length;
    for (int i = 0; i < slope.length; i++) {
      slope[i] = (float) transport.velocity(answer.output()[i], x[i], time);
      double divergence = ofState + ofAnswer * signs[i] * answer.gradient()[i];
      nats[i / each] += weight * divergence;
    }
    return slope;
  }

  private static void addPrior(float[] noise, double[] nats) {
    int each = noise.length / nats.length;
    for (int i = 0; i < noise.length; i++) {
      nats[i / each] -= 0.5 * ((double) noise[i] * noise[i] + Math.log(2 * Math.PI));
    }
  }
}
