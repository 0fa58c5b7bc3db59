package io.github.eqvae.eval;

/** Peak signal-to-noise ratio of 8-bit images, as the released evaluation computes it. */
public final class Psnr {
  /**
   * The value for identical images instead of infinity, so that means are finite: an error of one
   * 8-bit level in one of 2²⁴ samples.
   */
  private static final double IDENTICAL = 10 * Math.log10(255.0 * 255.0 * (1 << 24));

  private Psnr() {}

  /**
   * PSNR on 8-bit values: 10·log10(255²/mse). Source: zelaki/eqvae {@code eval.py}, which stores
   * clamp(127.5·x + 128, 0, 255), truncated.
   *
   * @param a an image in [-1, 1]
   * @param b another of the same length
   * @return decibels; 120.4 for images without any difference
   */
  public static double uint8(float[] a, float[] b) {
    if (a.length != b.length || a.length == 0) {
      throw new IllegalArgumentException(
          "PSNR compares images of one size, got " + a.length + " and " + b.length + " values");
    }
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      double d = toByte(a[i]) - toByte(b[i]);
      sum += d * d;
    }
    return sum == 0
        ? IDENTICAL
        : Math.min(IDENTICAL, 10 * Math.log10(255.0 * 255.0 * a.length / sum));
  }

  /**
   * The 8-bit value of a sample.
   *
   * @param x a sample, [-1, 1] if it is in range
   * @return 0 to 255; 0 for NaN
   */
  public static int toByte(float x) {
    return (int) Math.clamp(127.5 * x + 128, 0.0, 255.0);
  }
}
