package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;

/**
 * The weights of the objective. Defaults: the released EQ-VAE fine-tuning. Source:
 * CompVis/latent-diffusion {@code ldm/modules/losses/contperceptual.py}; for discrete models
 * CompVis/taming-transformers {@code taming/modules/losses/vqperceptual.py}.
 *
 * @param pixelLoss L1 as released, or L2
 * @param perceptualWeight factor on LPIPS; above 0 an LPIPS network is needed
 * @param logvar the constant log variance of the reconstruction likelihood; 0 in the released code,
 *     which does not train it
 * @param regularizationWeight factor on the KL divergence (1e-6 as released) or on the codebook
 *     loss (1 in taming)
 * @param normalization the released sum over elements divided by the batch, or taming's mean over
 *     elements
 * @param discWeight factor on the adversarial loss after the adaptive weight
 * @param discFactor a further factor; 1
 * @param discStart first step with a discriminator
 * @param adaptiveWeight whether the gradients at the decoder's last weight balance the adversarial
 *     loss
 * @param adaptiveMaximum largest adaptive weight; 1e4
 * @param ganLoss hinge as released, or non-saturating
 * @param discriminatorForward a separate forward pass (and draw) for the discriminator's step as
 *     released, or the autoencoder's results
 * @param terms losses in addition to these
 */
public record LossOptions(
    PixelLossKind pixelLoss,
    double perceptualWeight,
    double logvar,
    double regularizationWeight,
    Normalization normalization,
    double discWeight,
    double discFactor,
    long discStart,
    boolean adaptiveWeight,
    double adaptiveMaximum,
    GanKind ganLoss,
    DiscriminatorForward discriminatorForward,
    LossTermOptions terms) {

  /** The pixel loss. */
  public enum PixelLossKind {
    /** Absolute difference. */
    L1,
    /** Squared difference. */
    L2
  }

  /** How the reconstruction loss is normalised. */
  public enum Normalization {
    /** Sum over elements, divided by the batch size; LPIPS counts once per element. */
    RELEASED,
    /** Mean over elements, as taming trains VQ-GAN; LPIPS counts once per image. */
    PER_ELEMENT
  }

  /** The adversarial loss. */
  public enum GanKind {
    /** Hinge. */
    HINGE,
    /** Softplus for both networks, non-saturating. */
    NON_SATURATING,
    /** The released {@code vanilla}: softplus for the discriminator, −mean(logits) beside it. */
    VANILLA
  }

  /** The source of the discriminator's fake images. */
  public enum DiscriminatorForward {
    /** A second forward pass of the autoencoder with its own τ and noise. */
    SEPARATE,
    /** The autoencoder step's reconstruction. */
    SHARED
  }

  /** The released weights. */
  public static final LossOptions RELEASED =
      new LossOptions(
          PixelLossKind.L1,
          1,
          0,
          1e-6,
          Normalization.RELEASED,
          0.5,
          1,
          0,
          true,
          1e4,
          GanKind.HINGE,
          DiscriminatorForward.SEPARATE,
          LossTermOptions.NONE);

  /**
   * Only the released losses.
   *
   * @param pixelLoss L1 as released, or L2
   * @param perceptualWeight factor on LPIPS
   * @param logvar the constant log variance
   * @param regularizationWeight factor on the KL divergence or the codebook loss
   * @param normalization sum or mean over elements
   * @param discWeight factor on the adversarial loss
   * @param discFactor a further factor
   * @param discStart first step with a discriminator
   * @param adaptiveWeight whether gradients balance the adversarial loss
   * @param adaptiveMaximum largest adaptive weight
   * @param ganLoss the adversarial loss
   * @param discriminatorForward the source of the discriminator's fake images
   */
  public LossOptions(
      PixelLossKind pixelLoss,
      double perceptualWeight,
      double logvar,
      double regularizationWeight,
      Normalization normalization,
      double discWeight,
      double discFactor,
      long discStart,
      boolean adaptiveWeight,
      double adaptiveMaximum,
      GanKind ganLoss,
      DiscriminatorForward discriminatorForward) {
    this(
        pixelLoss,
        perceptualWeight,
        logvar,
        regularizationWeight,
        normalization,
        discWeight,
        discFactor,
        discStart,
        adaptiveWeight,
        adaptiveMaximum,
        ganLoss,
        discriminatorForward,
        LossTermOptions.NONE);
  }

  /** Checks the ranges. */
  public LossOptions {
    if (!(perceptualWeight >= 0
        && regularizationWeight >= 0
        && discWeight >= 0
        && discFactor >= 0)) {
      throw new EqvaeException.Argument("Objective: weights must not be negative");
    }
  }
}
