package io.github.eqvae.eval;

import java.util.Arrays;

/**
 * The energy of latents by spatial frequency: the squares of each channel's orthonormal
 * two-dimensional DCT-II, averaged over latents and channels, in bands of the radius r = √((u/h)² +
 * (v/w)²), where u, v are the DCT indices; r = 1 is the highest frequency along one axis (Nyquist).
 * The constant term (u = v = 0) is left out. Compare "Improving the Diffusability of Autoencoders"
 * (arXiv 2502.14831), which uses spectra of DCT blocks.
 */
public final class LatentSpectrum {
  /** Bands per Nyquist frequency: the limits are multiples of 1/8. */
  public static final int PER_NYQUIST = 8;

  /** The number of bands, from 0 to √2. */
  public static final int BANDS = 12;

  private static final double HALF = 0.5;

  private final double[] energy = new double[BANDS];
  private double high;
  private double total;
  private long latents;

  /** Creates an empty spectrum. */
  public LatentSpectrum() {}

  /**
   * Adds a latent.
   *
   * @param latent {@code [height, width, channels]}
   * @param height rows
   * @param width columns
   * @param channels channels
   */
  public void add(float[] latent, int height, int width, int channels) {
    if (latent.length != height * width * channels) {
      throw new IllegalArgumentException(
          latent.length + " values are not a latent of " + height + "×" + width + "×" + channels);
    }
    double[][] rows = dct(height);
    double[][] columns = dct(width);
    for (int c = 0; c < channels; c++) {
      double[][] half = new double[height][width]; // transformed along the columns
      for (int i = 0; i < height; i++) {
        for (int v = 0; v < width; v++) {
          for (int j = 0; j < width; j++) {
            half[i][v] += columns[v][j] * latent[(i * width + j) * channels + c];
          }
        }
      }
      for (int u = 0; u < height; u++) {
        for (int v = 0; v < width; v++) {
          if (u + v > 0) {
            double value = 0;
            for (int i = 0; i < height; i++) {
              value += rows[u][i] * half[i][v];
            }
            count(Math.hypot(u / (double) height, v / (double) width), value * value);
          }
        }
      }
    }
    latents++;
  }

  private void count(double radius, double value) {
    energy[Math.min(BANDS - 1, (int) (radius * PER_NYQUIST))] += value;
    total += value;
    if (radius > HALF) {
      high += value;
    }
  }

  private static double[][] dct(int n) {
    double[][] m = new double[n][n];
    for (int k = 0; k < n; k++) {
      for (int i = 0; i < n; i++) {
        m[k][i] =
            Math.sqrt((k == 0 ? 1.0 : 2.0) / n) * Math.cos(Math.PI * (2 * i + 1) * k / (2.0 * n));
      }
    }
    return m;
  }

  /**
   * The share of energy at radii above one half, without the constant term.
   *
   * @return in [0, 1]; NaN when there is no energy
   */
  public double highFrequencyShare() {
    return high / total;
  }

  /**
   * The share of energy in each band.
   *
   * @return {@link #BANDS} numbers that sum to 1; band b has the radii b/8 to (b+1)/8
   */
  public double[] shares() {
    return Arrays.stream(energy).map(e -> e / total).toArray();
  }

  /**
   * The number of latents that were added.
   *
   * @return the count
   */
  public long latents() {
    return latents;
  }
}
