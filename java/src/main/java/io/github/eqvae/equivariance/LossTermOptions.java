package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;

/**
 * What can be asked for beside the released losses; {@link #NONE} is none of it. Pixel terms count
 * per element, before {@link LossOptions#normalization}; the others as LPIPS does, once per image.
 *
 * @param l2Weight factor on the squared difference, beside the pixel loss
 * @param charbonnierWeight factor on √(d² + ε²) of the difference d
 * @param charbonnierEpsilon ε, of images in [-1, 1]
 * @param ssimWeight factor on 1 − SSIM
 * @param spectrumWeight factor on the divergence of the latent's spectrum from the image's
 * @param lpipsDropout dropout in front of LPIPS' heads, as the released training has it
 * @param latentNoise noise on what the decoder gets
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
  /** What ε usually is. */
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
   * A squared difference and noise alone.
   *
   * @param l2Weight factor on the squared difference
   * @param latentNoise noise on what the decoder gets
   */
  public LossTermOptions(double l2Weight, LatentNoise latentNoise) {
    this(l2Weight, 0, EPSILON, 0, 0, false, latentNoise, false);
  }
}
