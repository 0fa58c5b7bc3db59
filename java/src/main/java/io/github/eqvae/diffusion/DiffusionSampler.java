package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;
import java.util.function.ObjIntConsumer;

/**
 * Samples with the steps of a {@link GaussianDiffusion}, from the noisiest to the least noisy one:
 * ancestral sampling (Ho et al. 2020, algorithm 2) or DDIM (Song et al. 2021, equation 12), as
 * {@code p_sample_loop} and {@code ddim_sample_loop} of facebookresearch/DiT. Noise is drawn at
 * every step, also at the last one, which does not use it.
 *
 * @param diffusion the process, respaced to the number of sampling steps
 * @param channels C of the latents
 * @param eta DDIM's η: 0 adds no noise, 1 as much as ancestral sampling; NaN selects ancestral
 *     sampling
 * @param clip whether each step clips the predicted data to −1 … 1: for pictures, not for latents
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
   * @param eta η, the share of noise; 0 for none
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
      float[] output = network.predict(x, diffusion.schedule().originalStep(t));
      diffusion.requireOutputs(x.length, output.length);
      float[] drawn = eta == 0 ? new float[0] : noise.draw(step, x.length);
      x = Double.isNaN(eta) ? ancestralStep(x, output, drawn, t) : ddimStep(x, output, drawn, t);
      trace.accept(x, step);
    }
    return x;
  }

  private float[] ancestralStep(float[] x, float[] output, float[] drawn, int t) {
    float[] out = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      double mean = diffusion.posteriorMean(x[i], predictedStart(x[i], output, i, t), t);
      double deviation = t == 0 ? 0 : Math.exp(0.5 * diffusion.logVariance(variance(output, i), t));
      out[i] = (float) (mean + deviation * drawn[i]);
    }
    return out;
  }

  private float[] ddimStep(float[] x, float[] output, float[] drawn, int t) {
    double alpha = diffusion.schedule().alphaCumulative(t);
    double before = diffusion.schedule().alphaCumulative(t - 1);
    double sigma = eta * Math.sqrt((1 - before) / (1 - alpha)) * Math.sqrt(1 - alpha / before);
    double towards = Math.sqrt(1 - before - sigma * sigma);
    float[] out = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      double start = predictedStart(x[i], output, i, t);
      double mean = start * Math.sqrt(before) + towards * diffusion.noise(x[i], start, t);
      out[i] = (float) (t == 0 || sigma == 0 ? mean : mean + sigma * drawn[i]);
    }
    return out;
  }

  /**
   * One step of DDIM inversion, towards the noise that a sample comes from.
   *
   * @param x x[t]
   * @param output the network's output for it
   * @param t the step
   * @return x[t+1]
   */
  public float[] reverseStep(float[] x, float[] output, int t) {
    double next = diffusion.schedule().alphaCumulative(t + 1);
    float[] out = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      double start = predictedStart(x[i], output, i, t);
      out[i] =
          (float) (start * Math.sqrt(next) + Math.sqrt(1 - next) * diffusion.noise(x[i], start, t));
    }
    return out;
  }

  /** The predicted data at index i of the state. */
  private double predictedStart(float x, float[] output, int i, int t) {
    double start = diffusion.start(x, output[outputIndex(i)], t);
    return clip ? Math.max(-1, Math.min(1, start)) : start;
  }

  /** The index in the network's output for index i of the state. */
  private int outputIndex(int i) {
    int c = i % channels;
    return (i - c) * diffusion.outputsPerChannel() + c;
  }

  private double variance(float[] output, int i) {
    return diffusion.outputsPerChannel() == 2 ? output[outputIndex(i) + channels] : 0;
  }
}
