package io.github.eqvae.train.autoencoder;

import io.github.eqvae.equivariance.EqOptions;
import io.github.eqvae.train.recipe.RecipeProblems;
import io.github.eqvae.train.recipe.RunRecipe;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/** Checks between fields: what contradicts itself is a problem, what has no effect a warning. */
final class AutoencoderChecks {
  private AutoencoderChecks() {}

  static void check(AutoencoderSections recipe, RecipeProblems problems) {
    model(recipe.model(), problems);
    data(recipe, problems);
    codebook(recipe, problems);
    objective(recipe.objective(), problems);
    ObjectiveChecks.check(recipe, problems);
    recipe.optimizer().check(problems);
    recipe.run().check(problems);
    Geometry.check(recipe, problems);
    BestMetric.check(recipe, problems);
    unique("evaluation.angles", recipe.evaluation().angles(), problems);
    unique("evaluation.scales", recipe.evaluation().scales(), problems);
    multiplesOf90("evaluation.angles", recipe.evaluation().angles(), problems);
  }

  private static void codebook(AutoencoderSections recipe, RecipeProblems problems) {
    ModelRecipe model = recipe.model();
    if (model.kind() != ModelRecipe.Kind.VQ
        || model.quantize().init() != ModelRecipe.CodebookInit.DATA
        || model.initFrom().isPresent()) {
      return;
    }
    long side = recipe.data().resolution() / model.downsamplingFactor();
    long latents = recipe.run().batchSize() * side * side;
    if (latents < model.quantize().nEmbed()) {
      problems.add(
          "model.quantize.init",
          "data needs a latent vector for each of the "
              + model.quantize().nEmbed()
              + " codes, but the first batch has "
              + latents
              + "; raise run.batch_size, lower model.quantize.n_embed, or use uniform");
    }
  }

  private static void model(ModelRecipe model, RecipeProblems problems) {
    if (model.chMult().isEmpty()) {
      problems.add("model.ch_mult", "an empty list; expected one multiplier per level");
      return;
    }
    channels("model.in_channels", model.inChannels(), problems);
    if (model.outCh() != model.inChannels()) {
      problems.add(
          "model.out_ch",
          model.outCh()
              + " but model.in_channels is "
              + model.inChannels()
              + "; a reconstruction is compared with its input, so make them equal");
    }
    divisible("model.resolution", model.resolution(), model.downsamplingFactor(), problems);
    for (int multiplier : model.chMult()) {
      long channels = (long) model.ch() * multiplier;
      if (channels % model.normNumGroups() != 0) {
        problems.add(
            "model.norm_num_groups",
            model.normNumGroups()
                + " groups do not divide the "
                + channels
                + " channels of the level with multiplier "
                + multiplier
                + "; take a divisor of model.ch = "
                + model.ch());
        break;
      }
    }
    unique("model.attn_resolutions", model.attnResolutions(), problems);
    for (int side : model.attnResolutions()) {
      List<Integer> sides = new ArrayList<>();
      for (int level = 0; level < model.chMult().size(); level++) {
        sides.add(model.resolution() >> level);
      }
      if (!sides.contains(side)) {
        problems.add(
            "model.attn_resolutions",
            side
                + " is not the side of any level; at model.resolution "
                + model.resolution()
                + " the levels have "
                + sides);
      }
    }
    if (!model.useQuantConv() && model.embedDim() != model.zChannels()) {
      problems.add(
          "model.embed_dim",
          model.embedDim()
              + " but model.z_channels is "
              + model.zChannels()
              + ": without use_quant_conv nothing changes the number of channels; make them equal");
    }
    if (model.kind() == ModelRecipe.Kind.AUTOENCODER_KL && !model.doubleZ()) {
      problems.add(
          "model.double_z",
          "false, but autoencoder_kl needs a mean and a log-variance; set it to true or leave it"
              + " out");
    }
    if (model.kind() == ModelRecipe.Kind.VQ && model.doubleZ()) {
      problems.add(
          "model.double_z",
          "true, but vq quantises what the encoder gives, there is no log-variance; set it to"
              + " false or leave it out");
    }
  }

  private static void data(AutoencoderSections recipe, RecipeProblems problems) {
    DataRecipe data = recipe.data();
    channels("data.channels", data.channels(), problems);
    if (data.channels() != recipe.model().inChannels()) {
      problems.add(
          "data.channels",
          data.channels()
              + " but model.in_channels is "
              + recipe.model().inChannels()
              + "; make them equal");
    }
    // The default is model.resolution: one mistake there should not be reported twice.
    if (!recipe.model().chMult().isEmpty() && data.resolution() != recipe.model().resolution()) {
      divisible(
          "data.resolution", data.resolution(), recipe.model().downsamplingFactor(), problems);
    }
  }

  private static void objective(ObjectiveRecipe objective, RecipeProblems problems) {
    if (objective.rotations().isEmpty()) {
      problems.add("objective.rotations", "an empty list; write [0] for no rotation");
    }
    unique("objective.rotations", objective.rotations(), problems);
    multiplesOf90("objective.rotations", objective.rotations(), problems);
    if (objective.scaleMin() >= objective.scaleMax()) {
      problems.add(
          "objective.scale_min",
          objective.scaleMin()
              + " is not below objective.scale_max = "
              + objective.scaleMax()
              + "; scale factors are drawn from [scale_min, scale_max)");
    } else if (objective.scaleSet() != EqOptions.ScaleSet.CONTINUOUS
        && (objective.scaleMin() != 0.25 || objective.scaleMax() != 1)) {
      problems.add(
          "objective.scale_set",
          "discrete_32 always draws k/32 with k = 8 to 31, quarters k/4 with k = 1 to 3, whatever"
              + " scale_min and scale_max say;"
              + " use continuous, or leave scale_min and scale_max at 0.25 and 1");
    }
    boolean identity =
        objective.scaling() == EqOptions.Scaling.NONE
            && objective.flips() == EqOptions.Flips.NONE
            && objective.rotations().equals(List.of(0))
            && objective.translation() == 0
            && objective.blendProbability() == 0;
    if (objective.equivarianceProbability() > 0 && identity) {
      problems.add(
          "objective.equivariance_probability",
          objective.equivarianceProbability()
              + ", but without scaling, rotations and flips τ never changes anything; allow one of"
              + " them, or set equivariance_probability to 0 for a plain autoencoder");
    }
    if (objective.perceptualWeight() > 0 && objective.lpipsWeights().isEmpty()) {
      problems.add(
          "objective.perceptual_weight",
          objective.perceptualWeight()
              + " needs the VGG16-LPIPS weights, which are not shipped; name the file in"
              + " objective.lpips_weights, or set perceptual_weight to 0 to train without LPIPS");
    }
  }

  /** Settings that are valid but change nothing, in the order of the sections. */
  static List<String> warnings(AutoencoderRecipe recipe) {
    List<String> warnings = new ArrayList<>();
    DataRecipe data = recipe.data();
    ObjectiveRecipe objective = recipe.objective();
    GanRecipe gan = objective.gan();
    if (data.crop() != DataRecipe.Crop.RANDOM && data.cropMin() != 0.5) {
      warnings.add("data.crop_min has an effect with data.crop: random only");
    }
    if (data.crop().isPillows() && data.shrink() > 0) {
      warnings.add(
          "data.shrink resizes pictures before data.crop does, whose bits are then no longer those"
              + " of Pillow");
    }
    boolean vq = recipe.model().kind() == ModelRecipe.Kind.VQ;
    if (vq && objective.klWeight() != 1e-6) {
      warnings.add("objective.kl_weight has no effect with model.kind: vq");
    }
    if (!vq && objective.codebookWeight() != 1) {
      warnings.add("objective.codebook_weight has no effect without model.kind: vq");
    }
    if (!vq && !recipe.model().quantize().equals(ModelRecipe.Quantize.DEFAULT)) {
      warnings.add("model.quantize has no effect without model.kind: vq");
    }
    if (data.validation() == 0 && data.validationPath().isEmpty()) {
      warnings.add("data.validation is 0: nothing is held out, so there is nothing to validate on");
    }
    if (!gan.enabled() && (gan.discWeight() != 0.5 || gan.discStart() != 0)) {
      warnings.add("objective.gan.disc_weight and disc_start have no effect: gan.enabled is false");
    }
    if (gan.enabled() && gan.discWeight() * gan.discFactor() == 0) {
      warnings.add(
          "objective.gan: the discriminator is trained but its weight is 0; set gan.enabled to"
              + " false to save its time");
    }
    if (gan.enabled() && gan.discStart() >= recipe.run().steps()) {
      warnings.add(
          "objective.gan.disc_start is not reached within run.steps = " + recipe.run().steps());
    }
    if (objective.regularizer() == EqOptions.Regularizer.EXPLICIT) {
      warnings.add(
          "objective.regularizer explicit is an ablation: in the paper it collapses the latent"
              + " (rFID above 100)");
    }
    if (recipe.run().emaDecay().isEmpty() && recipe.run().emaRule() != RunRecipe.EmaRule.WARMUP) {
      warnings.add("run.ema_rule has no effect: run.ema_decay is none");
    }
    warnings.addAll(ObjectiveChecks.warnings(recipe));
    return List.copyOf(warnings);
  }

  private static void channels(String path, int channels, RecipeProblems problems) {
    if (channels == 2) {
      problems.add(path, "2; expected 1 (gray) or 3 (RGB)");
    }
  }

  private static void divisible(String path, int side, int factor, RecipeProblems problems) {
    if (side % factor != 0) {
      problems.add(
          path,
          side
              + " is not divisible by the down-sampling factor "
              + factor
              + " of model.ch_mult; take "
              + (side < factor ? "" : side / factor * factor + " or ")
              + (side / factor + 1) * factor);
    }
  }

  private static void multiplesOf90(String path, List<Integer> angles, RecipeProblems problems) {
    for (int angle : angles) {
      if (angle % 90 != 0) {
        problems.add(path, angle + " degrees; only multiples of 90 keep the pixel grid");
      }
    }
  }

  private static void unique(String path, List<?> values, RecipeProblems problems) {
    if (new HashSet<>(values).size() != values.size()) {
      problems.add(path, values + " names a value twice; keep one of each");
    }
  }
}
