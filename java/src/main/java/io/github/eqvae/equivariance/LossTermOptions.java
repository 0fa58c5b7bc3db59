package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;

/**
 * What can be asked for beside the released losses; {@link #NONE} is none of it.
 *
 * @param l2Weight factor on the squared difference, beside the pixel loss; it counts per element,
 *     before {@link LossOptions#normalization}
 * @param latentNoise noise on what the decoder gets
 */
public record LossTermOptions(double l2Weight, LatentNoise latentNoise) {
  /** As released. */
  public static final LossTermOptions NONE = new LossTermOptions(0, LatentNoise.NONE);

  /** Checks the range. */
  public LossTermOptions {
    if (!(l2Weight >= 0)) {
      throw new EqvaeException.Argument("Objective: l2_weight must not be negative");
    }
  }
}
