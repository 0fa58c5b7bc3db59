package io.github.eqvae.equivariance;

/**
 * What one forward pass does.
 *
 * @param branch which of the three
 * @param transform τ; identity in the plain branch, a pure isotropic scale in the low-resolution
 *     branch
 */
public record Draw(Branch branch, SpatialTransform transform) {
  /** The three branches of the released training step. */
  public enum Branch {
    /** Encode, sample, transform the latent, decode, compare with the transformed image. */
    EQUIVARIANT,
    /** The ordinary loss on an image that was scaled down first. */
    LOW_RESOLUTION,
    /** The ordinary loss. */
    PLAIN
  }

  /** The ordinary forward pass. */
  public static final Draw PLAIN = new Draw(Branch.PLAIN, SpatialTransform.IDENTITY);
}
