package io.github.eqvae.eval;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The paper's equivariance error: for each transform the mean over images of ‖τ∘E(x) − E(τ∘x)‖² /
 * ‖E(τ∘x)‖². Source: EQ-VAE (arXiv 2502.09509), Table 1.
 */
public final class EquivarianceError {
  private static final class Mean {
    double sum;
    long count;
  }

  private final Map<String, Mean> means = new LinkedHashMap<>();

  /** Creates an error without images. */
  public EquivarianceError() {}

  /**
   * Adds images.
   *
   * @param transform the transform's name
   * @param transformed τ∘E(x), {@code count} consecutive latents
   * @param encoded E(τ∘x), in the same layout
   * @param count number of latents
   */
  public void add(String transform, float[] transformed, float[] encoded, int count) {
    if (transformed.length != encoded.length || count < 1 || encoded.length % count != 0) {
      throw new IllegalArgumentException(
          "Equivariance error: "
              + transformed.length
              + " and "
              + encoded.length
              + " values for "
              + count
              + " latents");
    }
    add(transform, ratios(transformed, encoded, count));
  }

  /** The error of each latent. */
  static double[] ratios(float[] transformed, float[] encoded, int count) {
    double[] ratios = new double[count];
    int each = encoded.length / count;
    for (int n = 0; n < count; n++) {
      double difference = 0;
      double norm = 0;
      for (int i = n * each; i < (n + 1) * each; i++) {
        double d = (double) transformed[i] - encoded[i];
        difference += d * d;
        norm += (double) encoded[i] * encoded[i];
      }
      ratios[n] = difference / norm;
    }
    return ratios;
  }

  /** Adds errors of latents. */
  void add(String transform, double[] ratios) {
    Mean mean = means.computeIfAbsent(transform, t -> new Mean());
    for (double ratio : ratios) {
      mean.sum += ratio;
      mean.count++;
    }
  }

  /**
   * The error of a transform.
   *
   * @param transform its name
   * @return the mean; NaN when no image was added
   */
  public double mean(String transform) {
    Mean mean = means.get(transform);
    return mean == null ? Double.NaN : mean.sum / mean.count;
  }
}
