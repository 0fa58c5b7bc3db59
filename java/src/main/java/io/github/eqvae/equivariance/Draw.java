package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;

/**
 * The random choices of one forward pass.
 *
 * @param branch which of the three
 * @param transform τ; identity in the plain branch, a pure isotropic scale in the low-resolution
 *     branch
 * @param blend in the EQ branch, before τ: the share of the next sample of its group that is mixed
 *     into every sample; 0 for none
 */
public record Draw(Branch branch, SpatialTransform transform, double blend) {
  /** Checks the share. */
  public Draw {
    if (!(blend >= 0 && blend < 1) || (blend > 0 && branch != Branch.EQUIVARIANT)) {
      throw new EqvaeException.Argument(
          "Draw: a blend of " + blend + "; the EQ branch takes shares from 0 to below 1");
    }
  }

  /**
   * The choices of one forward pass, without blending.
   *
   * @param branch which of the three
   * @param transform τ
   */
  public Draw(Branch branch, SpatialTransform transform) {
    this(branch, transform, 0);
  }

  /** The three branches of the released training step. */
  public enum Branch {
    /** Encode, sample, transform the latent, decode, compare with the transformed image. */
    EQUIVARIANT,
    /** The ordinary loss on an image that is first scaled down. */
    LOW_RESOLUTION,
    /** The ordinary loss. */
    PLAIN
  }

  /** The ordinary forward pass. */
  public static final Draw PLAIN = new Draw(Branch.PLAIN, SpatialTransform.IDENTITY);
}
