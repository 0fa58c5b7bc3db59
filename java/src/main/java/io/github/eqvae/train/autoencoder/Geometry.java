package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.train.recipe.RecipeProblems;

/**
 * Checks that images, latents and networks fit together, also at the smallest size that τ makes.
 * Otherwise a run would fail at the first step with that size, or in its evaluation.
 */
final class Geometry {
  /** VGG16 halves a picture four times before LPIPS' last level. */
  private static final int RGB = 3;

  private static final int LPIPS_SIDE = 16;

  private Geometry() {}

  static void check(AutoencoderSections recipe, RecipeProblems problems) {
    ModelRecipe model = recipe.model();
    int factor = model.downsamplingFactor();
    int side = recipe.data().resolution();
    if (model.chMult().isEmpty() || side % factor != 0) {
      return; // already reported
    }
    int latent = side / factor;
    if (latent < 2) {
      problems.add(
          "model.ch_mult",
          model.chMult().size()
              + " levels make a single vector of an image of "
              + side
              + " px, which has nothing to rotate or scale; take at most "
              + levels(side)
              + " levels, or larger images");
      return;
    }
    int ssim = recipe.evaluation().ssim().smallestSide();
    if (side < ssim) {
      problems.add(
          "data.resolution",
          side + "; the windows of evaluation.ssim need images of at least " + ssim + " px");
    }
    int colours = recipe.model().outCh();
    boolean lpips = recipe.objective().perceptualWeight() > 0;
    if ((lpips || recipe.objective().lpipsWeights().isPresent()) && colours != RGB) {
      problems.add(
          lpips ? "objective.perceptual_weight" : "objective.lpips_weights",
          "LPIPS compares RGB, and these images have "
              + colours
              + " channels; set model.in_channels=3, which repeats gray, or do without LPIPS"
              + " (perceptual_weight 0, no lpips_weights)");
    }
    double scale = smallestScale(recipe.objective());
    int smallest = factor * SpatialTransform.scaled(latent, scale);
    String of = scale < 1 ? " at the smallest scale" : "";
    if (recipe.objective().perceptualWeight() > 0 && smallest < LPIPS_SIDE) {
      problems.add(
          "objective.perceptual_weight",
          "LPIPS needs images of at least "
              + LPIPS_SIDE
              + " px, and"
              + of
              + " they have "
              + smallest
              + "; take larger images, or a larger objective.scale_min with scale_set continuous");
    }
  }

  /** The most levels that leave two latent vectors side by side. */
  private static int levels(int side) {
    return Integer.numberOfTrailingZeros(Integer.highestOneBit(Math.max(1, side / 2))) + 1;
  }

  private static double smallestScale(ObjectiveRecipe objective) {
    boolean never =
        objective.scaling() == EqOptions.Scaling.NONE
            || objective.equivarianceProbability() + objective.lowResolutionPriorProbability() == 0;
    return never ? 1 : objective.scaleMin(); // sets of scales begin at its default, a quarter
  }
}
