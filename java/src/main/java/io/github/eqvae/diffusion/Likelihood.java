package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.Arrays;

/**
 * How likely data are under the probability flow of a network: the flow carries them to noise,
 * whose density is known, and along the way log p changes with −∇·v (Chen et al., arXiv 1806.07366,
 * equation 8; SiT, arXiv 2401.08740; willisma/SiT, {@code sample_ode_likelihood}). The divergence
 * is not computed but estimated by ε·∇(v·ε) with random signs ε (Hutchinson; Grathwohl et al.,
 * arXiv 1810.01367). The result is the density of latents, not of pictures.
 *
 * <p>The reference draws new signs for each call of the network, so that what its solver integrates
 * is noisy in time; that is what {@link StepNoise} of the number of the call gives. Signs that are
 * the same in every call make the equation a smooth one, and many of both, averaged, come to the
 * same. Where the network says score or noise on {@link Interpolant#VP}, the reference starts at t
 * = 1, where it divides by 0; here the way starts where sampling ends.
 *
 * @param transport what the network's answer means
 * @param method the rule of a step
 * @param steps how many steps; the reference's {@code num_steps} counts times, one more
 */
public record Likelihood(Transport transport, OdeSampler.Method method, int steps) {
  /** A network that can be differentiated with respect to what it is shown. */
  @FunctionalInterface
  public interface Network {
    /**
     * Asks the network.
     *
     * @param x noisy samples, {@code [N, H, W, C]}; not kept
     * @param time the time of all of them
     * @param cotangent ε, as x
     * @return what it says of them, and the gradient of Σ said·ε
     */
    Answer ask(float[] x, double time, float[] cotangent);
  }

  /**
   * What a network says.
   *
   * @param said the answer, as x
   * @param pulled the gradient of Σ said·ε with respect to x, as x
   */
  public record Answer(float[] said, float[] pulled) {}

  /**
   * What came out.
   *
   * @param nats log p of each sample
   * @param noise where the flow carried the samples, {@code [N, H, W, C]}
   */
  public record Result(double[] nats, float[] noise) {
    /**
     * The same per number of a sample.
     *
     * @return −log2 p / (H·W·C) of each sample, of a density: it may be below 0
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
   * Measures.
   *
   * @param network what to ask
   * @param data samples, {@code [N, H, W, C]}
   * @param count N
   * @param signs numbers of which only the sign is used, drawn for the i-th call of the network
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

  /** From data to noise. */
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

  /** The velocity; adds what its divergence makes of log p. */
  private float[] slope(
      Network network, float[] x, double time, float[] drawn, double[] nats, double weight) {
    float[] signs = new float[x.length];
    for (int i = 0; i < signs.length; i++) {
      signs[i] = drawn[i] < 0 ? -1 : 1;
    }
    Answer answer = network.ask(x, time, signs);
    float[] slope = new float[x.length];
    double ofState = transport.velocity(0, 1, time); // v is linear in what was said and in x
    double ofAnswer = transport.velocity(1, 0, time);
    int each = x.length / nats.length;
    for (int i = 0; i < slope.length; i++) {
      slope[i] = (float) transport.velocity(answer.said()[i], x[i], time);
      double divergence = ofState + ofAnswer * signs[i] * answer.pulled()[i];
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
