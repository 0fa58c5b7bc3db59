package io.github.eqvae.equivariance;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.model.Lpips;
import io.github.eqvae.model.SpectrumMatching;
import io.github.eqvae.model.SsimLoss;
import org.jspecify.annotations.Nullable;

/**
 * The networks and measures with which an objective compares images and latents. The caller owns
 * them; each may be null if its weight is 0.
 *
 * @param lpips the perceptual distance
 * @param ssim structural similarity
 * @param spectrum compares spectra of latents and images
 */
public record Measures(
    @Nullable Lpips lpips, @Nullable SsimLoss ssim, @Nullable SpectrumMatching spectrum) {
  /** Compares pixels only. */
  public static final Measures NONE = new Measures(null, null, null);

  void require(LossOptions loss) {
    if (loss.perceptualWeight() > 0 && lpips == null) {
      throw new EqvaeException.Argument(
          "perceptual_weight is "
              + loss.perceptualWeight()
              + " but there is no LPIPS network: name"
              + " its weights in objective.lpips_weights or set perceptual_weight to 0");
    }
    if (loss.terms().ssimWeight() > 0 && ssim == null
        || loss.terms().spectrumWeight() > 0 && spectrum == null) {
      throw new EqvaeException.Argument(
          "An objective with a weight for SSIM or spectrum matching needs an SsimLoss or a"
              + " SpectrumMatching");
    }
  }
}
