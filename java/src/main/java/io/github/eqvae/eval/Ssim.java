package io.github.eqvae.eval;

import io.github.eqvae.EqvaeException;

/**
 * Structural similarity of images in [-1, 1]: an 11×11 Gaussian window of σ = 1.5, K1 = 0.01, K2 =
 * 0.03. Programs handle the borders and the range of values differently; each {@link Variant} is
 * that of one program. Sources: Wang et al. 2004; Lightning-AI/torchmetrics {@code
 * functional/image/ssim.py}; scikit-image {@code metrics/_structural_similarity.py}.
 */
public final class Ssim {
  /** The program whose result is computed. */
  public enum Variant {
    /**
     * scikit-image with {@code gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
     * data_range=2}, and torchmetrics before 1.4.2 with {@code data_range=2}: the mean over pixels
     * whose window lies inside the image.
     */
    SCIKIT_IMAGE("scikit-image", false, false),
    /**
     * torchmetrics from 1.4.2 on with {@code data_range=2}: the mean over all pixels of the image,
     * which is reflected at its borders.
     */
    TORCHMETRICS("torchmetrics", true, false),
    /**
     * The call of the released evaluation with torchmetrics from 1.4.2 on. It gives no range and
     * one image at a time, so the range is the larger one of picture and reconstruction, each the
     * largest minus the smallest value.
     */
    RELEASED("released call", true, true);

    private final String title;
    private final boolean borders;
    private final boolean ownRange;

    Variant(String title, boolean borders, boolean ownRange) {
      this.title = title;
      this.borders = borders;
      this.ownRange = ownRange;
    }

    /**
     * The name in reports.
     *
     * @return a short text
     */
    public String title() {
      return title;
    }

    /**
     * The smallest side of images that it can measure.
     *
     * @return pixels: the size of the window, or the smallest size that can be reflected
     */
    public int smallestSide() {
      return borders ? RADIUS + 1 : 2 * RADIUS + 1;
    }
  }

  private static final int RADIUS = 5;
  private static final double SIGMA = 1.5;
  private static final double K1 = 0.01;
  private static final double K2 = 0.03;
  private static final double RANGE = 2; // of [-1, 1]
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
   * The similarity of two images: the mean over channels and pixels.
   *
   * @param variant the program whose result is computed
   * @param a an image {@code [height, width, channels]} in [-1, 1]
   * @param b another of the same shape, not clamped
   * @param height rows, at least {@link Variant#smallestSide}
   * @param width columns, at least {@link Variant#smallestSide}
   * @param channels channels
   * @return 1 for identical images
   * @throws EqvaeException.Argument when an image is too small
   */
  public static double of(
      Variant variant, float[] a, float[] b, int height, int width, int channels) {
    int least = variant.smallestSide();
    if (height < least || width < least) {
      throw new EqvaeException.Argument(
          "SSIM ("
              + variant.title()
              + ") needs images of at least "
              + least
              + "×"
              + least
              + " pixels, got "
              + height
              + "×"
              + width);
    }
    double range = variant.ownRange ? Math.max(range(a), range(b)) : RANGE;
    double c1 = K1 * range * (K1 * range);
    double c2 = K2 * range * (K2 * range);
    double total = 0;
    int pixels = 0;
    for (int c = 0; c < channels; c++) {
      double[] x = channel(a, c, channels);
      double[] y = channel(b, c, channels);
      Blur blur = new Blur(height, width, variant.borders);
      double[] mx = blur.of(x);
      double[] my = blur.of(y);
      double[] xx = blur.of(product(x, x));
      double[] yy = blur.of(product(y, y));
      double[] xy = blur.of(product(x, y));
      pixels += mx.length;
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
    return total / pixels;
  }

  private static double range(float[] image) {
    float low = Float.POSITIVE_INFINITY;
    float high = Float.NEGATIVE_INFINITY;
    for (float v : image) {
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
    return (double) high - low;
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

  /**
   * The weighted mean under the window: where the window fits, or at all pixels of the reflected
   * image.
   */
  private record Blur(int height, int width, boolean borders) {
    double[] of(double[] x) {
      int margin = borders ? 0 : RADIUS;
      int rows = height - 2 * margin;
      int columns = width - 2 * margin;
      double[] horizontal = new double[height * columns];
      for (int i = 0; i < height; i++) {
        for (int j = 0; j < columns; j++) {
          double sum = 0;
          for (int k = 0; k < WINDOW.length; k++) {
            sum += WINDOW[k] * x[i * width + reflected(j + margin + k - RADIUS, width)];
          }
          horizontal[i * columns + j] = sum;
        }
      }
      double[] out = new double[rows * columns];
      for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
          double sum = 0;
          for (int k = 0; k < WINDOW.length; k++) {
            int row = reflected(i + margin + k - RADIUS, height);
            sum += WINDOW[k] * horizontal[row * columns + j];
          }
          out[i * columns + j] = sum;
        }
      }
      return out;
    }

    /** Reflects at the centre of the outermost pixels, like PyTorch's {@code reflect}. */
    private static int reflected(int position, int size) {
      int inside = Math.abs(position);
      return inside < size ? inside : 2 * (size - 1) - inside;
    }
  }
}
