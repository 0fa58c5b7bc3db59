package io.github.eqvae.generator;

/**
 * DiT's training loss and its gradient, written out in double precision for tests: squared error of
 * the noise, and, where variances are learned, the variational bound with a fixed mean (Nichol and
 * Dhariwal, arXiv 2102.09672), for 1000 linear steps.
 */
final class HybridLoss {
  private static final int STEPS = 1000;
  private static final double[] BETA = new double[STEPS];
  private static final double[] PRODUCT = new double[STEPS]; // of 1 − β

  static {
    for (int t = 0; t < STEPS; t++) {
      BETA[t] = 1e-4 + (0.02 - 1e-4) * t / (STEPS - 1);
      PRODUCT[t] = (t == 0 ? 1 : PRODUCT[t - 1]) * (1 - BETA[t]);
    }
  }

  private final int channels;
  private final double[] clean;
  private final double[] noise;
  private final int[] times;

  /**
   * Latents and noise are {@code [N, H, W, channels]}.
   *
   * @param loss of the samples
   * @param cotangent of their mean, for the network's result
   */
  record Result(double[] loss, double[] cotangent) {}

  HybridLoss(int channels, double[] clean, double[] noise, int[] times) {
    this.channels = channels;
    this.clean = clean;
    this.noise = noise;
    this.times = times;
  }

  private static double before(int t) {
    return t == 0 ? 1 : PRODUCT[t - 1];
  }

  private int time(int i) {
    return times[i / (clean.length / times.length)];
  }

  private double noisy(int i) {
    double product = PRODUCT[time(i)];
    return Math.sqrt(product) * clean[i] + Math.sqrt(1 - product) * noise[i];
  }

  double[] noisy() {
    double[] out = new double[clean.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = noisy(i);
    }
    return out;
  }

  Result of(double[] prediction) {
    boolean learned = prediction.length == 2 * clean.length;
    int samples = times.length;
    int values = clean.length / samples;
    double[] loss = new double[samples];
    double[] cotangent = new double[prediction.length];
    for (int i = 0; i < clean.length; i++) {
      int at = learned ? i / channels * 2 * channels + i % channels : i;
      double error = prediction[at] - noise[i];
      loss[i / values] += error * error / values;
      cotangent[at] = 2 * error / values / samples;
      if (learned) {
        double share = 1 / (values * Math.log(2));
        double v = prediction[at + channels];
        double h = 1e-5;
        loss[i / values] += share * bound(i, prediction[at], v);
        double slope =
            (bound(i, prediction[at], v + h) - bound(i, prediction[at], v - h)) / (2 * h);
        cotangent[at + channels] = share * slope / samples;
      }
    }
    return new Result(loss, cotangent);
  }

  /** In nats, for one number: the predicted noise, and the fraction its variance is made of. */
  private double bound(int i, double predicted, double v) {
    int t = time(i);
    double x = noisy(i);
    double product = PRODUCT[t];
    double toClean = BETA[t] * Math.sqrt(before(t)) / (1 - product);
    double toNoisy = (1 - before(t)) * Math.sqrt(1 - BETA[t]) / (1 - product);
    double guess = x / Math.sqrt(product) - Math.sqrt(1 / product - 1) * predicted;
    double mean = toClean * guess + toNoisy * x;
    int kept = Math.max(t, 1); // the posterior's variance at 0 is 0
    double least = Math.log(BETA[kept] * (1 - before(kept)) / (1 - PRODUCT[kept]));
    double log = (v + 1) / 2 * Math.log(BETA[t]) + (1 - (v + 1) / 2) * least;
    if (t == 0) {
      return decoder(clean[i], mean, log / 2);
    }
    double apart = toClean * clean[i] + toNoisy * x - mean;
    return 0.5 * (log - least - 1 + Math.exp(least - log) + apart * apart * Math.exp(-log));
  }

  /** −log of the mass of a bin of 2/255 around x. */
  private static double decoder(double x, double mean, double logScale) {
    double inverse = Math.exp(-logScale);
    double upper = distribution(inverse * (x - mean + 1.0 / 255));
    double lower = distribution(inverse * (x - mean - 1.0 / 255));
    double mass = x < -0.999 ? upper : x > 0.999 ? 1 - lower : upper - lower;
    return -Math.log(Math.max(mass, 1e-12));
  }

  private static double distribution(double x) {
    return 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
  }
}
