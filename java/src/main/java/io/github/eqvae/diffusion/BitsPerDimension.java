package io.github.eqvae.diffusion;

import io.github.eqvae.EqvaeException;

/**
 * The variational bound of data in bits per dimension, step by step (Ho et al. 2020, equation 5;
 * {@code calc_bpd_loop} of facebookresearch/DiT). It shows at which steps a network is good. The
 * likelihood of step 0 is that of bins of width 2/255 around the data, as in the reference: it is
 * made for pixels and means little for latents.
 *
 * @param diffusion the process, respaced or not
 * @param channels C of the data
 * @param clip whether predicted data are clipped to −1 … 1
 */
public record BitsPerDimension(GaussianDiffusion diffusion, int channels, boolean clip) {
  private static final double BIN = 1 / 255.0;
  private static final double EDGE = 0.999;
  private static final double LEAST_MASS = 1e-12;

  /**
   * The terms of one step for one sample, each a mean over the sample's numbers.
   *
   * @param bits the bound's term, in bits
   * @param startError the squared error of the predicted data
   * @param noiseError the squared error of the noise that follows from the predicted data
   */
  public record Step(double bits, double startError, double noiseError) {}

  /**
   * Computes one step for one sample.
   *
   * @param start the data, {@code [H, W, C]}
   * @param noise the noise that corrupts them
   * @param output the network's output for {@link GaussianDiffusion#corrupt}
   * @param t the step
   * @return its terms
   */
  public Step step(float[] start, float[] noise, float[] output, int t) {
    diffusion.requireOutputs(start.length, output.length);
    float[] noisy = diffusion.corrupt(start, noise, t);
    double bits = 0;
    double startError = 0;
    double noiseError = 0;
    for (int i = 0; i < start.length; i++) {
      int c = i % channels;
      int at = (i - c) * diffusion.outputsPerChannel() + c;
      double variance = diffusion.outputsPerChannel() == 2 ? output[at + channels] : 0;
      double expected = diffusion.start(noisy[i], output[at], t);
      expected = clip ? Math.clamp(expected, -1, 1) : expected;
      double mean = diffusion.posteriorMean(noisy[i], expected, t);
      double log = diffusion.logVariance(variance, t);
      bits +=
          t == 0
              ? likelihood(start[i], mean, log)
              : divergence(diffusion.posteriorMean(noisy[i], start[i], t), mean, log, t);
      startError += (expected - start[i]) * (expected - start[i]);
      double apart = diffusion.noise(noisy[i], expected, t) - noise[i];
      noiseError += apart * apart;
    }
    int n = start.length;
    return new Step(bits / n / Math.log(2), startError / n, noiseError / n);
  }

  /** KL divergence of two normal distributions; the first is the posterior of step t. */
  private double divergence(double mean, double guess, double log, int t) {
    double posterior = diffusion.schedule().posteriorLogVariance(t);
    double apart = mean - guess;
    return 0.5
        * (-1 + log - posterior + Math.exp(posterior - log) + apart * apart * Math.exp(-log));
  }

  private static double likelihood(double start, double mean, double log) {
    double inverse = Math.exp(-0.5 * log);
    double above = nearlyNormal(inverse * (start - mean + BIN));
    double below = nearlyNormal(inverse * (start - mean - BIN));
    double mass = start < -EDGE ? above : start > EDGE ? 1 - below : above - below;
    return -Math.log(Math.max(mass, LEAST_MASS));
  }

  private static double nearlyNormal(double x) {
    return 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }

  /**
   * The prior term of the bound: KL(q(x[T] | x[0]) ‖ N(0, 1)).
   *
   * @param start the data of one sample
   * @return bits, the mean over its numbers
   * @throws EqvaeException.Argument when there are no data
   */
  public double prior(float... start) {
    if (start.length == 0) {
      throw new EqvaeException.Argument("BitsPerDimension: the data are empty");
    }
    double alpha = diffusion.schedule().alphaCumulative(diffusion.schedule().steps() - 1);
    double nats = 0;
    for (float x : start) {
      nats += 0.5 * (-1 - Math.log(1 - alpha) + (1 - alpha) + alpha * x * x);
    }
    return nats / start.length / Math.log(2);
  }
}
