package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.LatentNoise;
import io.github.eqvae.tensor.MathMode;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeProblems;
import java.util.ArrayList;
import java.util.List;

/** Checks of what goes beyond the released objective. */
final class ObjectiveChecks {
  private ObjectiveChecks() {}

  static void check(AutoencoderSections recipe, RecipeProblems problems) {
    ObjectiveRecipe objective = recipe.objective();
    LossTermsRecipe terms = objective.terms();
    if (!recipe.model().chMult().isEmpty()) {
      int side = recipe.data().resolution() / recipe.model().downsamplingFactor();
      if (objective.translation() >= side) {
        problems.add(
            "objective.translation",
            objective.translation()
                + " latent pixels, but a latent has only "
                + side
                + "; take at most half of that");
      }
    }
    if (objective.blendProbability() > 0 && objective.draw() == EqOptions.DrawPer.SAMPLE) {
      problems.add(
          "objective.blend_probability",
          objective.blendProbability()
              + " with draw: sample, where samples have no next one to be mixed with; use draw:"
              + " batch");
    }
    if (objective.gan().isSynchronised() && objective.draw() == EqOptions.DrawPer.SAMPLE) {
      problems.add(
          "objective.gan.batch_norm",
          "synchronised with draw: sample, where ranks judge different numbers of groups of"
              + " images; use draw: batch");
    }
    if (objective.blendProbability() > 0 && recipe.run().batchSize() < 2) {
      problems.add(
          "objective.blend_probability",
          objective.blendProbability() + " needs two samples; raise run.batch_size");
    }
    if ((terms.ssimWeight() > 0 || terms.spectrumWeight() > 0)
        && recipe.run().math() != MathMode.FP32) {
      problems.add(
          "run.precision",
          RecipeFields.name(recipe.run().precision())
              + ", which rounds the differences of squares that ssim_weight and spectrum_weight are"
              + " made of; use fp32 or bf16, where they are computed in single precision");
    }
    DataRecipe data = recipe.data();
    boolean frozen = recipe.model().freeze() == ModelRecipe.Freeze.ENCODER;
    if (data.latentsCacheBytes() > 0 && !frozen) {
      problems.add(
          "data.cache_latents_megabytes",
          data.cacheLatentsMegabytes()
              + ", but the encoder learns, so that latents change with every step; set"
              + " model.freeze=encoder, or leave it out");
    }
    if (data.latentsCacheBytes() > 0
        && frozen
        && (data.crop() == DataRecipe.Crop.RANDOM || data.hflip())) {
      problems.add(
          "data.cache_latents_megabytes",
          data.cacheLatentsMegabytes()
              + ", but pictures are cut or mirrored anew in every epoch, so that no latent comes"
              + " twice; set data.crop=center (or adm, torchvision) and data.hflip=false, or leave"
              + " it out");
    }
    if (terms.lpipsDropout() && objective.perceptualWeight() == 0) {
      problems.add(
          "objective.terms.lpips_dropout",
          "true, but objective.perceptual_weight is 0: there is no LPIPS; leave it out");
    }
    boolean noise = terms.latentNoise() != LatentNoise.Kind.NONE;
    if (noise != terms.latentNoiseStrength() > 0) {
      problems.add(
          "objective.terms.latent_noise_strength",
          terms.latentNoiseStrength()
              + (noise
                  ? "; latent_noise needs a strength above 0, for example 0.8"
                  : " with latent_noise: none; choose fixed, drawn or mix, or leave it out"));
    }
  }

  /** Settings that are valid but change nothing. */
  static List<String> warnings(AutoencoderRecipe recipe) {
    List<String> warnings = new ArrayList<>();
    ObjectiveRecipe objective = recipe.objective();
    boolean equivariant = objective.equivarianceProbability() > 0;
    if (!equivariant && (objective.translation() > 0 || objective.blendProbability() > 0)) {
      warnings.add(
          "objective.translation and blend_probability have no effect: equivariance_probability is"
              + " 0");
    }
    if (objective.regularizer() == EqOptions.Regularizer.EXPLICIT
        && objective.blendProbability() > 0) {
      warnings.add("objective.blend_probability has no effect with regularizer: explicit");
    }
    if (recipe.model().freeze() == ModelRecipe.Freeze.ENCODER
        && recipe.model().initFrom().isEmpty()) {
      warnings.add(
          "model.freeze: encoder without init_from keeps an encoder of random weights; name a"
              + " checkpoint in model.init_from");
    }
    return warnings;
  }
}
