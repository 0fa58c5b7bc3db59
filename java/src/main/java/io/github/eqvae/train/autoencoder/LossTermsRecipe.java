package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.LatentNoise;
import io.github.eqvae.equivariance.LossTermOptions;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code objective.terms}: losses in addition to the released ones.
 *
 * @param l2Weight {@code l2_weight}: factor of the squared difference, in addition to {@code
 *     pixel_loss}; default 0. Source: ours: off, not in the released loss
 * @param charbonnierWeight {@code charbonnier_weight}: factor of √(d² + ε²) of the difference d, in
 *     addition to {@code pixel_loss}; default 0. Source: ours: off, not in the released loss
 * @param charbonnierEpsilon {@code charbonnier_epsilon}: ε, for images in [-1, 1]; default 0.001.
 *     Source: ours: small beside one level of 255
 * @param ssimWeight {@code ssim_weight}: factor of 1 − SSIM (Gaussian windows of 11×11, σ 1.5),
 *     which is added to every element like LPIPS; default 0. Source: ours: off, not in the released
 *     loss
 * @param spectrumWeight {@code spectrum_weight}: factor of the divergence of the latent's spectrum
 *     from that of its image (Spectrum Matching, arXiv 2603.14645, which uses 0.01 with means over
 *     elements); added to every element like LPIPS; default 0. Source: ours: off, not in the
 *     released loss
 * @param lpipsDropout {@code lpips_dropout}: dropout with rate ½ of the squared differences before
 *     LPIPS' heads. The released training has it, probably by mistake; default false. Source: ours:
 *     LPIPS without dropout, as its authors use it
 * @param latentNoise {@code latent_noise}: noise that is added to the decoder's input z: {@code
 *     none}; {@code fixed}, z + σε; {@code drawn}, z + uσε with u uniform in (0, 1), as in RAE;
 *     {@code mix}, (1 − u)z + uγε, as in DeTok; default {@code none}. Source: released: there is
 *     none
 * @param latentNoiseStrength {@code latent_noise_strength}: σ or γ, in units of the unscaled
 *     latent; default 0. Source: released: there is none
 * @param samplePosterior {@code sample_posterior}: true: the latent is a sample of the posterior;
 *     false: it is its mean, as in FLUX.2's autoencoder; default true. Source: released:
 *     ldm/models/autoencoder.py
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
