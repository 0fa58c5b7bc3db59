package io.github.eqvae.eval;

/**
 * Structural similarity as torchmetrics defines it: an 11×11 Gaussian window of σ = 1.5, K1 = 0.01,
 * K2 = 0.03, reflected borders that do not count in the mean. Source: Wang et al. 2004;
 * Lightning-AI/torchmetrics {@code functional/image/ssim.py}.
 */
public final class Ssim {
  private static final int RADIUS = 5;
  private static final double SIGMA = 1.5;
  private static final double K1 = 0.01;
  private static final double K2 = 0.03;
  private static final double[] WINDOW = window();

  private Ssim() {}

  private static double[] window() {
    double[] w = new double[2 * RADIUS + 1];
    double sum = 0;
    for (int i = 0; i < w.length; i++) {
      double d = (i - RADIUS) / SIGMA;
      w[i] = Math.exp(-d * d / 2);
      sum += w[i];
    }
    for (int i = 0; i < w.length; i++) {
      w[i] /= sum;
    }
    return w;
  }

  /**
   * The similarity of two images: the mean over channels and over the pixels whose window lies
   * inside the image.
   *
   * @param a an image {@code [height, width, channels]}
   * @param b another of the same shape
   * @param height rows, at least 11
   * @param width columns, at least 11
   * @param channels channels
   * @param range largest minus smallest possible value: 2 for images in [-1, 1]
   * @return 1 for identical images
   * @throws IllegalArgumentException when an image is smaller than the window
   */
  public static double of(float[] a, float[] b, int height, int width, int channels, double range) {
    if (height <= 2 * RADIUS || width <= 2 * RADIUS) {
      throw new IllegalArgumentException(
          "SSIM needs images of at least 11×11 pixels, got " + height + "×" + width);
    }
    double c1 = K1 * range * (K1 * range);
    double c2 = K2 * range * (K2 * range);
    int rows = height - 2 * RADIUS;
    int columns = width - 2 * RADIUS;
    double total = 0;
    for (int c = 0; c < channels; c++) {
      double[] x = channel(a, c, channels);
      double[] y = channel(b, c, channels);
      double[] mx = blur(x, height, width);
      double[] my = blur(y, height, width);
      double[] xx = blur(product(x, x), height, width);
      double[] yy = blur(product(y, y), height, width);
      double[] xy = blur(product(x, y), height, width);
      for (int i = 0; i < mx.length; i++) {
        double vx = Math.max(0, xx[i] - mx[i] * mx[i]);
        double vy = Math.max(0, yy[i] - my[i] * my[i]);
        double cov = xy[i] - mx[i] * my[i];
        total +=
            (2 * mx[i] * my[i] + c1)
                * (2 * cov + c2)
                / ((mx[i] * mx[i] + my[i] * my[i] + c1) * (vx + vy + c2));
      }
    }
    return total / ((double) rows * columns * channels);
  }

  private static double[] channel(float[] image, int c, int channels) {
    double[] out = new double[image.length / channels];
    for (int i = 0; i < out.length; i++) {
      out[i] = image[i * channels + c];
    }
    return out;
  }

  private static double[] product(double[] x, double[] y) {
    double[] out = new double[x.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = x[i] * y[i];
    }
    return out;
  }

  /** The weighted mean under the window, where it fits. */
  private static double[] blur(double[] x, int height, int width) {
    int columns = width - 2 * RADIUS;
    double[] horizontal = new double[height * columns];
    for (int i = 0; i < height; i++) {
      for (int j = 0; j < columns; j++) {
        double sum = 0;
        for (int k = 0; k < WINDOW.length; k++) {
          sum += WINDOW[k] * x[i * width + j + k];
        }
        horizontal[i * columns + j] = sum;
      }
    }
    double[] out = new double[(height - 2 * RADIUS) * columns];
    for (int i = 0; i < height - 2 * RADIUS; i++) {
      for (int j = 0; j < columns; j++) {
        double sum = 0;
        for (int k = 0; k < WINDOW.length; k++) {
          sum += WINDOW[k] * horizontal[(i + k) * columns + j];
        }
        out[i * columns + j] = sum;
      }
    }
    return out;
  }
}
