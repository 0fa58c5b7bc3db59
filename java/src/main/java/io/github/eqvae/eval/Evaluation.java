package io.github.eqvae.eval;

import io.github.eqvae.model.CodebookUsage;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The results of {@link Evaluator}.
 *
 * @param images number of images
 * @param psnr mean over images of the peak signal-to-noise ratio on 8-bit values, in dB
 * @param ssim mean structural similarity
 * @param ssimVariant the variant of the structural similarity
 * @param lpips mean perceptual distance; empty if its weights were not given
 * @param rfid Fréchet distance to the reconstructions; empty if its weights were not given
 * @param rotationErrors equivariance error by angle in degrees: {@code "90"}
 * @param scaleErrors equivariance error by scale: {@code "0.25"}
 * @param statistics statistics of the latents
 * @param spectrum spectrum of the latents
 * @param spectrumDivergence mean of {@link io.github.eqvae.model.SpectrumMatching} over latents:
 *     the divergence of their spectra from those of the images
 * @param intrinsicDimension intrinsic dimension of the latents; empty for fewer than ten images
 * @param codebook usage of the codebook; empty if the model has none
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
