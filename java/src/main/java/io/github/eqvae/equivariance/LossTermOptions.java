package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;

/**
 * Losses in addition to the released ones; {@link #NONE} has none of them. Pixel terms are added
 * per element, before {@link LossOptions#normalization}; the others once per image, like LPIPS.
 *
 * @param l2Weight factor on the squared difference, beside the pixel loss
 * @param charbonnierWeight factor on √(d² + ε²) of the difference d
 * @param charbonnierEpsilon ε, for images in [-1, 1]
 * @param ssimWeight factor on 1 − SSIM
 * @param spectrumWeight factor on the divergence of the latent's spectrum from the image's
 * @param lpipsDropout dropout before LPIPS' heads, as in the released training
 * @param latentNoise noise on the decoder's input
 * @param posteriorMean the latent is the posterior's mean, as FLUX.2 takes it, not a sample
 */
public record LossTermOptions(
    double l2Weight,
    double charbonnierWeight,
    double charbonnierEpsilon,
    double ssimWeight,
    double spectrumWeight,
    boolean lpipsDropout,
    LatentNoise latentNoise,
    boolean posteriorMean) {
  /** The usual value of ε. */
  public static final double EPSILON = 1e-3;

  /** As released. */
  public static final LossTermOptions NONE = new LossTermOptions(0, LatentNoise.NONE);

  /** Checks the ranges. */
  public LossTermOptions {
    if (!(l2Weight >= 0 && charbonnierWeight >= 0 && ssimWeight >= 0 && spectrumWeight >= 0)) {
      throw new EqvaeException.Argument("Objective: the weights of terms must not be negative");
    }
  }

  /**
   * Only a squared difference and noise.
   *
   * @param l2Weight factor on the squared difference
   * @param latentNoise noise on the decoder's input
   */
  public LossTermOptions(double l2Weight, LatentNoise latentNoise) {
    this(l2Weight, 0, EPSILON, 0, 0, false, latentNoise, false);
  }
}
