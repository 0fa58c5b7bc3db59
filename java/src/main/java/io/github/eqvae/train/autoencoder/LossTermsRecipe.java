package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.LatentNoise;
import io.github.eqvae.equivariance.LossTermOptions;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code objective.terms}: what is asked for beside the released losses.
 *
 * @param l2Weight {@code l2_weight}: factor of the squared difference, beside {@code pixel_loss};
 *     default 0
 * @param charbonnierWeight {@code charbonnier_weight}: factor of √(d² + ε²) of the difference d,
 *     beside {@code pixel_loss}; default 0
 * @param charbonnierEpsilon {@code charbonnier_epsilon}: ε, of images in [-1, 1]; default 0.001
 * @param ssimWeight {@code ssim_weight}: factor of 1 − SSIM (Gaussian windows of 11×11, σ 1.5),
 *     which counts as LPIPS does; default 0
 * @param spectrumWeight {@code spectrum_weight}: factor of the divergence of the latent's spectrum
 *     from its image's (Spectrum Matching, arXiv 2603.14645, which takes 0.01 with means over
 *     elements); counts as LPIPS does; default 0
 * @param lpipsDropout {@code lpips_dropout}: half of the squared differences in front of LPIPS'
 *     heads are dropped, the others doubled. The released training has it, by accident; default
 *     false
 * @param latentNoise {@code latent_noise}: noise on what the decoder gets: {@code none}; {@code
 *     fixed}, z + σε; {@code drawn}, z + uσε with u uniform in (0, 1), as RAE; {@code mix}, (1 −
 *     u)z + uγε, as DeTok; default {@code none}
 * @param latentNoiseStrength {@code latent_noise_strength}: σ or γ, in units of the unscaled
 *     latent; default 0
 * @param samplePosterior {@code sample_posterior}: whether the latent is a sample of the posterior,
 *     or its mean, as FLUX.2's autoencoder takes it; default true
 */
public record LossTermsRecipe(
    double l2Weight,
    double charbonnierWeight,
    double charbonnierEpsilon,
    double ssimWeight,
    double spectrumWeight,
    boolean lpipsDropout,
    LatentNoise.Kind latentNoise,
    double latentNoiseStrength,
    boolean samplePosterior) {

  LossTermOptions options() {
    return new LossTermOptions(
        l2Weight,
        charbonnierWeight,
        charbonnierEpsilon,
        ssimWeight,
        spectrumWeight,
        lpipsDropout,
        new LatentNoise(latentNoise, latentNoiseStrength),
        !samplePosterior);
  }

  static LossTermsRecipe read(RecipeFields in) {
    LossTermOptions d = LossTermOptions.NONE;
    return new LossTermsRecipe(
        in.number("l2_weight", d.l2Weight(), Range.NOT_NEGATIVE),
        in.number("charbonnier_weight", d.charbonnierWeight(), Range.NOT_NEGATIVE),
        in.number("charbonnier_epsilon", d.charbonnierEpsilon(), new Range(1e-9, true, 1, true)),
        in.number("ssim_weight", d.ssimWeight(), Range.NOT_NEGATIVE),
        in.number("spectrum_weight", d.spectrumWeight(), Range.NOT_NEGATIVE),
        in.flag("lpips_dropout", d.lpipsDropout()),
        in.choice("latent_noise", d.latentNoise().kind()),
        in.number("latent_noise_strength", d.latentNoise().strength(), Range.NOT_NEGATIVE),
        in.flag("sample_posterior", !d.posteriorMean()));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("l2_weight", l2Weight);
    map.put("charbonnier_weight", charbonnierWeight);
    map.put("charbonnier_epsilon", charbonnierEpsilon);
    map.put("ssim_weight", ssimWeight);
    map.put("spectrum_weight", spectrumWeight);
    map.put("lpips_dropout", lpipsDropout);
    map.put("latent_noise", RecipeFields.name(latentNoise));
    map.put("latent_noise_strength", latentNoiseStrength);
    map.put("sample_posterior", samplePosterior);
    return map;
  }
}
