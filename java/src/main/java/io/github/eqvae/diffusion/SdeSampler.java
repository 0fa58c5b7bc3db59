package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.function.ObjIntConsumer;

/**
 * Solves the stochastic differential equation dx = (v + w·score) dt + √(2w) dW, whose w can be
 * chosen freely (SiT, arXiv 2401.08740, section 2.3), with the Euler–Maruyama or Heun method and a
 * last step without noise (willisma/SiT, {@code transport/integrators.py} and {@code sample_sde}).
 *
 * @param transport how the network's output is read
 * @param method the method of integration
 * @param form how w depends on time
 * @param norm factor of w, 1 as published
 * @param last how the last step is made
 * @param lastLength length of the last step, 0.04 as published
 * @param steps number of steps, the last one included
 */
public record SdeSampler(
    Transport transport,
    Method method,
    Form form,
    double norm,
    Last last,
    double lastLength,
    int steps)
    implements Sampler {
  /** Methods of integration. */
  public enum Method {
    /** Euler–Maruyama: one evaluation per step. */
    EULER,
    /** Heun: noise first, then the mean of two slopes; two evaluations per step. */
    HEUN
  }

  /** How the diffusion w depends on time. The names are those of the reference's command line. */
  public enum Form {
    /** w = norm. */
    CONSTANT,
    /**
     * w = norm · {@link Interpolant#scoreWeight}, as in score-based models. On the paths LINEAR and
     * GVP it is infinite at time 0, so it needs a margin there.
     */
    SBDM,
    /** w = norm · σ(t): the default of SiT's command line. */
    SIGMA,
    /** w = norm · (1 − t). */
    LINEAR,
    /** w = ¼ (norm · cos πt + 1)². */
    DECREASING,
    /** w = norm · sin² πt. */
    INCREASING_DECREASING;

    double at(Interpolant path, double t, double norm) {
      return switch (this) {
        case CONSTANT -> norm;
        case SBDM -> norm * path.scoreWeight(t);
        case SIGMA -> norm * path.sigma(t);
        case LINEAR -> norm * (1 - t);
        case DECREASING -> {
          double root = norm * Math.cos(Math.PI * t) + 1;
          yield 0.25 * root * root;
        }
        case INCREASING_DECREASING -> norm * Math.sin(Math.PI * t) * Math.sin(Math.PI * t);
      };
    }
  }

  /** How the last step is made. */
  public enum Last {
    /** There is no last step, and no time is reserved for it: sampling ends at time 1. */
    NONE,
    /** A step of the equation without its noise: as published. */
    MEAN,
    /** The expected data for this state (Tweedie's formula). */
    TWEEDIE,
    /** A step of the probability flow. */
    EULER
  }

  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when there are fewer than two steps, the last step's length is
   *     not between 0 and 1, or w is infinite at the first time
   */
  public SdeSampler {
    if (steps < 2 || !(lastLength > 0 && lastLength < 1) || !(norm >= 0)) {
      throw new EqvaeException.Argument(
          "An SDE sampler needs at least 2 steps, a last step between 0 and 1 and a norm of at"
              + " least 0; got "
              + steps
              + ", "
              + lastLength
              + " and "
              + norm);
    }
    Transport.Interval interval =
        transport.sde(last == Last.NONE ? 0 : lastLength, form == Form.SBDM);
    if (!Double.isFinite(form.at(transport.path(), interval.from(), norm))) {
      throw new EqvaeException.Argument(
          "The diffusion form "
              + form
              + " is infinite at time "
              + interval.from()
              + " on the path "
              + transport.path()
              + ". Choose another form, such as SIGMA. (In Java, a Transport with a sampleMargin,"
              + " such as 0.02, works, too.)");
    }
  }

  @Override
  public float[] sample(
      Denoiser network, float[] start, StepNoise noise, ObjIntConsumer<float[]> trace) {
    Transport.Interval interval =
        transport.sde(last == Last.NONE ? 0 : lastLength, form == Form.SBDM);
    double[] times = TimeShift.grid(interval.from(), interval.to(), steps, 1);
    double length = (float) times[1] - (float) times[0];
    float[] x = start.clone();
    for (int step = 0; step < steps - 1; step++) {
      double t = (float) times[step];
      float[] drawn = noise.draw(step, x.length);
      x =
          method == Method.EULER
              ? eulerMaruyama(network, x, drawn, t, length)
              : heun(network, x, drawn, t, length);
      trace.accept(x, step);
    }
    x = lastStep(network, x, (float) interval.to());
    trace.accept(x, steps - 1);
    return x;
  }

  private float[] eulerMaruyama(
      Denoiser network, float[] x, float[] drawn, double t, double length) {
    float[] drift = drift(network, x, t);
    return add(x, drift, length, drawn, deviation(t, length));
  }

  private float[] heun(Denoiser network, float[] x, float[] drawn, double t, double length) {
    float[] noisy = add(x, drawn, deviation(t, length), drawn, 0);
    float[] first = drift(network, noisy, t);
    float[] second = drift(network, add(noisy, first, length, first, 0), t + length);
    return add(noisy, first, length / 2, second, length / 2);
  }

  private double deviation(double t, double length) {
    return Math.sqrt(2 * form.at(transport.path(), t, norm)) * Math.sqrt(length);
  }

  private static float[] add(float[] x, float[] a, double timesA, float[] b, double timesB) {
    float[] out = new float[x.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (float) (x[i] + timesA * a[i] + timesB * b[i]);
    }
    return out;
  }

  /** v + w · score, from one evaluation of the network. */
  private float[] drift(Denoiser network, float[] x, double t) {
    float[] output = OdeSampler.evaluate(network, x, t);
    double w = form.at(transport.path(), t, norm);
    float[] out = new float[x.length];
    for (int i = 0; i < out.length; i++) {
      out[i] =
          (float)
              (transport.velocity(output[i], x[i], t) + w * transport.score(output[i], x[i], t));
    }
    return out;
  }

  private float[] lastStep(Denoiser network, float[] x, double t) {
    return switch (last) {
      case NONE -> x;
      case MEAN -> add(x, drift(network, x, t), lastLength, x, 0);
      case EULER -> add(x, OdeSampler.velocity(transport, network, x, t), lastLength, x, 0);
      case TWEEDIE -> {
        float[] output = OdeSampler.evaluate(network, x, t);
        double alpha = transport.path().alpha(t);
        double variance = transport.path().sigma(t) * transport.path().sigma(t);
        float[] out = new float[x.length];
        for (int i = 0; i < out.length; i++) {
          out[i] = (float) ((x[i] + variance * transport.score(output[i], x[i], t)) / alpha);
        }
        yield out;
      }
    };
  }
}
