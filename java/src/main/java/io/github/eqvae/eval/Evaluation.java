package io.github.eqvae.eval;

import io.github.eqvae.model.CodebookUsage;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What {@link Evaluator} found.
 *
 * @param images how many images
 * @param psnr mean over images of the peak signal-to-noise ratio on 8-bit values, in dB
 * @param ssim mean structural similarity
 * @param ssimVariant whose figure that is
 * @param lpips mean perceptual distance; empty without its weights
 * @param rfid Fréchet distance to the reconstructions; empty without its weights
 * @param rotationErrors equivariance error by angle in degrees: {@code "90"}
 * @param scaleErrors equivariance error by scale: {@code "0.25"}
 * @param statistics of the latents
 * @param spectrum of the latents
 * @param spectrumDivergence mean of {@link io.github.eqvae.model.SpectrumMatching} over latents:
 *     how far their spectra are from their images'
 * @param intrinsicDimension of the latents; empty for fewer than ten images
 * @param codebook how the latents use it; empty when the model has none
 */
public record Evaluation(
    int images,
    double psnr,
    double ssim,
    Ssim.Variant ssimVariant,
    OptionalDouble lpips,
    OptionalDouble rfid,
    Map<String, Double> rotationErrors,
    Map<String, Double> scaleErrors,
    LatentStatistics statistics,
    LatentSpectrum spectrum,
    double spectrumDivergence,
    OptionalDouble intrinsicDimension,
    Optional<CodebookUsage> codebook) {

  /**
   * The paper's rotation error.
   *
   * @return mean over the angles
   */
  public double rotationError() {
    return mean(rotationErrors);
  }

  /**
   * The paper's scale error.
   *
   * @return mean over the scales
   */
  public double scaleError() {
    return mean(scaleErrors);
  }

  private static double mean(Map<String, Double> values) {
    return values.values().stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
  }
}
