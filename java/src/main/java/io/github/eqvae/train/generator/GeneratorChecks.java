package io.github.eqvae.train.generator;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.diffusion.DiffusionLoss;
import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.Transport;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeProblems;
import java.util.ArrayList;
import java.util.List;

/** Checks between fields: what contradicts itself is a problem, what has no effect a warning. */
final class GeneratorChecks {
  private GeneratorChecks() {}

  static void check(GeneratorSections recipe, RecipeProblems problems) {
    NetworkRecipe model = recipe.model();
    try {
      model.config();
    } catch (EqvaeException.Argument e) {
      problems.add("model", e.getMessage());
    }
    if (recipe.process() instanceof DiffusionRecipe diffusion) {
      variance(model, diffusion, problems);
    }
    if (recipe.process() instanceof RepaRecipe repa && repa.path() == Interpolant.VP) {
      problems.add("repa.path", "REPA has linear and gvp, its cosine");
    }
    if (recipe.alignment().isOn() && recipe.alignment().depth() > model.depth()) {
      problems.add(
          "alignment.depth",
          "features after block %d of a network of %d blocks"
              .formatted(recipe.alignment().depth(), model.depth()));
    }
    recipe.alignment().check(problems);
    samples(recipe, problems);
    distance(recipe, problems);
    recipe.optimizer().check(problems);
    recipe.run().check(problems);
  }

  private static void variance(
      NetworkRecipe model, DiffusionRecipe diffusion, RecipeProblems problems) {
    boolean learned = diffusion.variance().isLearned();
    if (learned != model.learnSigma()) {
      problems.add(
          "diffusion.variance",
          learned
              ? RecipeFields.name(diffusion.variance())
                  + " needs model.learn_sigma=true: the network must predict the variance"
              : "a fixed variance needs model.learn_sigma=false: the variance that the network"
                  + " predicts would not be used");
    }
  }

  private static void samples(GeneratorSections recipe, RecipeProblems problems) {
    SamplesRecipe samples = recipe.samples();
    if (!samples.sampler().fits(recipe.process())) {
      problems.add(
          "samples.sampler",
          recipe.process() instanceof DiffusionRecipe
              ? "a diffusion is sampled by ddpm or ddim"
              : "a path is sampled by euler, heun or sde");
    }
    int classes = recipe.model().classes();
    for (int label : samples.labels()) {
      if (label >= classes) {
        problems.add(
            "samples.labels",
            classes == 0
                ? "this network has no classes: model.classes is 0"
                : label + " is no label: they are 0 to " + (classes - 1));
      }
    }
    sampler(recipe, "samples", samples.guidance(), samples.steps(), problems);
  }

  private static void sampler(
      GeneratorSections recipe,
      String section,
      double guidance,
      int steps,
      RecipeProblems problems) {
    boolean nullClass = recipe.model().classes() > 0 && recipe.model().classDropout() > 0;
    if (guidance != 1 && !nullClass) {
      problems.add(
          section + ".guidance",
          "guidance needs a null class: set model.classes and model.class_dropout above" + " 0");
    }
    if (recipe.process() instanceof DiffusionRecipe d && steps > d.steps()) {
      problems.add(section + ".steps", steps + " steps of a diffusion of " + d.steps());
    }
  }

  private static void distance(GeneratorSections recipe, RecipeProblems problems) {
    DistanceRecipe distance = recipe.distance();
    distance.check(problems);
    if (distance.isMeasured()) {
      sampler(recipe, "distance", distance.guidance(), distance.steps(), problems);
    }
  }

  static List<String> warnings(GeneratorRecipe recipe) {
    List<String> warnings = new ArrayList<>();
    if (recipe.run().emaDecay().isEmpty()) {
      warnings.add(
          "run.ema_decay is none: DiT and SiT are measured with an average of the weights (0.9999,"
              + " ema_rule constant)");
    }
    if (recipe.alignment().saysMoreThanIsUsed()) {
      warnings.add("alignment.images, pixels and heads have no effect without alignment.encoder");
    }
    if (recipe.process() instanceof TransportRecipe t
        && t.prediction() == Transport.Prediction.VELOCITY
        && t.weight() != Transport.Weight.NONE) {
      warnings.add("transport.weight has no effect on velocity");
    }
    if (recipe.process() instanceof DiffusionRecipe d
        && d.kind() == DiffusionLoss.Kind.RESCALED_MSE
        && !d.variance().isLearned()) {
      warnings.add("diffusion.loss rescaled_mse is mse where the variance is fixed");
    }
    return warnings;
  }
}
