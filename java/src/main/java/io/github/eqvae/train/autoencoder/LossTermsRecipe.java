package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.LatentNoise;
import io.github.eqvae.equivariance.LossTermOptions;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeFields.Range;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code objective.terms}: what is asked for beside the released losses.
 *
 * @param l2Weight {@code l2_weight}: factor of the squared difference, beside {@code pixel_loss};
 *     default 0
 * @param latentNoise {@code latent_noise}: noise on what the decoder gets: {@code none}; {@code
 *     fixed}, z + σε; {@code drawn}, z + uσε with u uniform in (0, 1), as RAE; {@code mix}, (1 −
 *     u)z + uγε, as DeTok; default {@code none}
 * @param latentNoiseStrength {@code latent_noise_strength}: σ or γ, in units of the unscaled
 *     latent; default 0
 */
public record LossTermsRecipe(
    double l2Weight, LatentNoise.Kind latentNoise, double latentNoiseStrength) {

  LossTermOptions options() {
    return new LossTermOptions(l2Weight, new LatentNoise(latentNoise, latentNoiseStrength));
  }

  static LossTermsRecipe read(RecipeFields in) {
    LossTermOptions d = LossTermOptions.NONE;
    return new LossTermsRecipe(
        in.number("l2_weight", d.l2Weight(), Range.NOT_NEGATIVE),
        in.choice("latent_noise", d.latentNoise().kind()),
        in.number("latent_noise_strength", d.latentNoise().strength(), Range.NOT_NEGATIVE));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("l2_weight", l2Weight);
    map.put("latent_noise", RecipeFields.name(latentNoise));
    map.put("latent_noise_strength", latentNoiseStrength);
    return map;
  }
}
