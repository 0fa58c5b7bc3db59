package io.github.eqvae.eval;

import io.github.eqvae.model.CodebookUsage;
import java.util.List;
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
 * @param distances Fréchet distances of the reconstructions from the images, as the rFID; empty
 *     without weights, or with fewer than two images
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
    List<MeasuredDistance> distances,
    Map<String, Double> rotationErrors,
    Map<String, Double> scaleErrors,
    LatentStatistics statistics,
    LatentSpectrum spectrum,
    double spectrumDivergence,
    OptionalDouble intrinsicDimension,
    Optional<CodebookUsage> codebook) {

  /**
   * The distance of the features of pytorch-fid.
   *
   * @return empty if its weights were not given
   */
  public OptionalDouble rfid() {
    return distances.stream()
        .filter(d -> d.key().equals(ReconstructionDistance.RFID))
        .mapToDouble(MeasuredDistance::value)
        .findFirst();
  }

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
