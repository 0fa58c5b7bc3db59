package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.op.Interpolation;
import java.util.List;

/**
 * How τ is drawn and used. The defaults are those of the released code; differences in the paper
 * are options. Sources: EQ-VAE (arXiv 2502.09509) §3; zelaki/eqvae {@code
 * train_eqvae/ldm/models/autoencoder.py}.
 *
 * @param equivarianceProbability probability of the EQ branch (the code's {@code p_prior}; the
 *     paper's p_α is one minus this; 0.5 in both)
 * @param lowResolutionPriorProbability otherwise, probability of the plain branch at a reduced size
 *     (code only; not in the paper)
 * @param scaling isotropic as released, anisotropic as in the ablation, or none
 * @param scaleSet the released k/32, k = 8…31, or continuous as the paper writes
 * @param scaleMin smallest scale when continuous
 * @param scaleMax largest scale when continuous
 * @param rotations quarter turns to choose from, uniformly; released: 1, 2, 3
 * @param flips flips to choose from; released: none
 * @param interpolation resize of latent and target; released bilinear, the paper says bicubic
 * @param draw one τ for the batch as released, or one per sample (ours)
 * @param regularizer the implicit objective (EQ-VAE) or the explicit one (ablation, Eq. 4)
 * @param explicitWeight λ of the explicit one
 * @param explicitStopGradient whether its target E(τ∘x) gets no gradient
 * @param translation latent pixels by which τ shifts at most, in each direction; released: 0
 * @param blendProbability probability that the EQ branch mixes each sample with the next; released:
 *     0
 */
public record EqOptions(
    double equivarianceProbability,
    double lowResolutionPriorProbability,
    Scaling scaling,
    ScaleSet scaleSet,
    double scaleMin,
    double scaleMax,
    List<Integer> rotations,
    Flips flips,
    Interpolation interpolation,
    DrawPer draw,
    Regularizer regularizer,
    double explicitWeight,
    boolean explicitStopGradient,
    int translation,
    double blendProbability) {

  /** How the two axes are scaled. */
  public enum Scaling {
    /** One scale for both. */
    ISOTROPIC,
    /** Two independent scales. */
    ANISOTROPIC,
    /** No scaling. */
    NONE
  }

  /** The set of scales. */
  public enum ScaleSet {
    /** k/32 with k uniform in 8…31. */
    DISCRETE_32,
    /** ¼, ½ or ¾, the scales of the equivariance error. */
    QUARTERS,
    /** Uniform in [scaleMin, scaleMax). */
    CONTINUOUS
  }

  /** Which flips may occur, each with probability one half. */
  public enum Flips {
    /** None. */
    NONE,
    /** Mirrored columns. */
    HORIZONTAL,
    /** Mirrored rows. */
    VERTICAL,
    /** Both, independently. */
    BOTH
  }

  /** Which samples share a draw. */
  public enum DrawPer {
    /** The whole batch. */
    BATCH,
    /** Each sample has its own. */
    SAMPLE
  }

  /** The loss for equivariance. */
  public enum Regularizer {
    /** Reconstruct the transformed image from the transformed latent (Eq. 5). */
    IMPLICIT,
    /**
     * Minimise the distance of τ∘E(x) and E(τ∘x) (Eq. 4); it collapses, and is here for the paper's
     * ablation.
     */
    EXPLICIT
  }

  /**
   * The options of the paper and the released code, without shifts and blending.
   *
   * @param equivarianceProbability probability of the EQ branch
   * @param lowResolutionPriorProbability otherwise, of the plain branch at a reduced size
   * @param scaling how the axes are scaled
   * @param scaleSet where scales come from
   * @param scaleMin smallest scale when continuous
   * @param scaleMax largest scale when continuous
   * @param rotations quarter turns to choose from
   * @param flips flips to choose from
   * @param interpolation resize of latent and target
   * @param draw what shares a τ
   * @param regularizer implicit or explicit
   * @param explicitWeight λ of the explicit one
   * @param explicitStopGradient whether its target gets no gradient
   */
  public EqOptions(
      double equivarianceProbability,
      double lowResolutionPriorProbability,
      Scaling scaling,
      ScaleSet scaleSet,
      double scaleMin,
      double scaleMax,
      List<Integer> rotations,
      Flips flips,
      Interpolation interpolation,
      DrawPer draw,
      Regularizer regularizer,
      double explicitWeight,
      boolean explicitStopGradient) {
    this(
        equivarianceProbability,
        lowResolutionPriorProbability,
        scaling,
        scaleSet,
        scaleMin,
        scaleMax,
        rotations,
        flips,
        interpolation,
        draw,
        regularizer,
        explicitWeight,
        explicitStopGradient,
        0,
        0);
  }

  /** The released behaviour. */
  public static final EqOptions RELEASED =
      new EqOptions(
          0.5,
          0.25,
          Scaling.ISOTROPIC,
          ScaleSet.DISCRETE_32,
          0.25,
          1,
          List.of(1, 2, 3),
          Flips.NONE,
          Interpolation.BILINEAR,
          DrawPer.BATCH,
          Regularizer.IMPLICIT,
          0.1,
          false);

  /** No EQ branch and no low-resolution branch: an ordinary autoencoder. */
  public static final EqOptions PLAIN = RELEASED.withProbabilities(0, 0);

  /** Checks the ranges. */
  public EqOptions {
    rotations = List.copyOf(rotations);
    require(
        equivarianceProbability >= 0 && equivarianceProbability <= 1,
        "equivariance_probability is " + equivarianceProbability + ", must be in [0, 1]");
    require(
        lowResolutionPriorProbability >= 0 && lowResolutionPriorProbability <= 1,
        "low_resolution_prior_probability is "
            + lowResolutionPriorProbability
            + ", must be in [0, 1]");
    require(
        scaleMin > 0 && scaleMin < scaleMax && scaleMax <= 1,
        "scales " + scaleMin + "…" + scaleMax + " must satisfy 0 < min < max <= 1");
    require(!rotations.isEmpty(), "rotations is empty; use [0] for none");
    for (int r : rotations) {
      require(r >= 0 && r <= 3, "a rotation of " + r + " quarter turns; 0 to 3 are possible");
    }
    require(explicitWeight >= 0, "explicit_weight is negative");
    require(translation >= 0, "translation is negative");
    require(
        blendProbability >= 0 && blendProbability <= 1,
        "blend_probability is " + blendProbability + ", must be in [0, 1]");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new EqvaeException.Argument("Objective: " + message);
    }
  }

  /**
   * These options with other probabilities.
   *
   * @param equivariance probability of the EQ branch
   * @param lowResolution probability of the low-resolution branch otherwise
   * @return the options
   */
  public EqOptions withProbabilities(double equivariance, double lowResolution) {
    return new EqOptions(
        equivariance,
        lowResolution,
        scaling,
        scaleSet,
        scaleMin,
        scaleMax,
        rotations,
        flips,
        interpolation,
        draw,
        regularizer,
        explicitWeight,
        explicitStopGradient,
        translation,
        blendProbability);
  }
}
