package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.function.ObjIntConsumer;

/**
 * From noise to data in the steps of a {@link GaussianDiffusion}, the noisiest first: ancestral
 * sampling (Ho et al. 2020, algorithm 2) or DDIM (Song et al. 2021, equation 12), as {@code
 * p_sample_loop} and {@code ddim_sample_loop} of facebookresearch/DiT. Noise is drawn at every
 * step, the last one included, which does not use it.
 *
 * @param diffusion the process, respaced to as many steps as are to be made
 * @param channels C of the latents
 * @param eta DDIM's η: 0 draws no noise, 1 as much as ancestral sampling; NaN for ancestral
 *     sampling
 * @param clip whether the data that each step expects is cut to −1 … 1: for pictures, not for
 *     latents
 */
public record DiffusionSampler(GaussianDiffusion diffusion, int channels, double eta, boolean clip)
    implements Sampler {
  /**
   * Checks the numbers.
   *
   * @throws EqvaeException.Argument when η is negative or there is no channel
   */
  public DiffusionSampler {
    if (eta < 0 || channels < 1) {
      throw new EqvaeException.Argument(
          "A sampler needs η of at least 0 and at least one channel; got η "
              + eta
              + " and "
              + channels
              + " channels");
    }
  }

  /**
   * Ancestral sampling.
   *
   * @param diffusion the process
   * @param channels C of the latents
   * @return the sampler
   */
  public static DiffusionSampler ancestral(GaussianDiffusion diffusion, int channels) {
    return new DiffusionSampler(diffusion, channels, Double.NaN, false);
  }

  /**
   * DDIM.
   *
   * @param diffusion the process
   * @param channels C of the latents
   * @param eta how much noise is drawn, 0 for none
   * @return the sampler
   */
  public static DiffusionSampler ddim(GaussianDiffusion diffusion, int channels, double eta) {
    return new DiffusionSampler(diffusion, channels, eta, false);
  }

  @Override
  public float[] sample(
      Denoiser network, float[] start, StepNoise noise, ObjIntConsumer<float[]> trace) {
    float[] x = start.clone();
    int steps = diffusion.schedule().steps();
    for (int step = 0; step < steps; step++) {
      int t = steps - 1 - step;
      float[] said = network.predict(x, diffusion.schedule().originalStep(t));
      diffusion.requireOutputs(x.length, said.length);
      float[] drawn = eta == 0 ? new float[0] : noise.draw(step, x.length);
      x = Double.isNaN(eta) ? ancestralStep(x, said, drawn, t) : ddimStep(x, said, drawn, t);
      trace.accept(x, step);
    }
    return x;
  }

  private float[] ancestralStep(float[] x, float[] said, float[] drawn, int t) {
    float[] out = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      double mean = diffusion.posteriorMean(x[i], expected(x[i], said, i, t), t);
      double deviation = t == 0 ? 0 : Math.exp(0.5 * diffusion.logVariance(variance(said, i), t));
      out[i] = (float) (mean + deviation * drawn[i]);
    }
    return out;
  }

  private float[] ddimStep(float[] x, float[] said, float[] drawn, int t) {
    double alpha = diffusion.schedule().alphaCumulative(t);
    double before = diffusion.schedule().alphaCumulative(t - 1);
    double sigma = eta * Math.sqrt((1 - before) / (1 - alpha)) * Math.sqrt(1 - alpha / before);
    double towards = Math.sqrt(1 - before - sigma * sigma);
    float[] out = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      double start = expected(x[i], said, i, t);
      double mean = start * Math.sqrt(before) + towards * diffusion.noise(x[i], start, t);
      out[i] = (float) (t == 0 || sigma == 0 ? mean : mean + sigma * drawn[i]);
    }
    return out;
  }

  /**
   * One step of DDIM towards noise: which noise a sample comes from.
   *
   * @param x x[t]
   * @param said what the network said of it
   * @param t the step
   * @return x[t+1]
   */
  public float[] reverseStep(float[] x, float[] said, int t) {
    double next = diffusion.schedule().alphaCumulative(t + 1);
    float[] out = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      double start = expected(x[i], said, i, t);
      out[i] =
          (float) (start * Math.sqrt(next) + Math.sqrt(1 - next) * diffusion.noise(x[i], start, t));
    }
    return out;
  }

  /** The data that the network's answer at place i of the state means. */
  private double expected(float x, float[] said, int i, int t) {
    double start = diffusion.start(x, said[answer(i)], t);
    return clip ? Math.max(-1, Math.min(1, start)) : start;
  }

  /** Where the answer for place i of the state stands. */
  private int answer(int i) {
    int c = i % channels;
    return (i - c) * diffusion.outputsPerChannel() + c;
  }

  private double variance(float[] said, int i) {
    return diffusion.outputsPerChannel() == 2 ? said[answer(i) + channels] : 0;
  }
}
