package io.github.eqvae.train.autoencoder;

import io.github.eqvae.train.recipe.RecipeProblems;
import io.github.eqvae.train.recipe.RunRecipe;
import io.github.eqvae.train.run.Workload;
import java.util.List;
import java.util.stream.Stream;

/** Checks {@code run.best_metric} and {@code run.early_stop}. */
final class BestMetric {
  /** The names of recipes, and of what a validation measures. */
  static final List<Workload.Metric> METRICS =
      List.of(
          new Workload.Metric("psnr", "psnr", true),
          new Workload.Metric("ssim", "ssim", true),
          new Workload.Metric("rotation_error", "rotation_error_90", false),
          new Workload.Metric("scale_error", "scale_error_0.5", false));

  private static final List<String> KNOWN =
      Stream.concat(Stream.of(RunRecipe.NO_METRIC), METRICS.stream().map(Workload.Metric::name))
          .toList();

  private BestMetric() {}

  static void check(AutoencoderSections recipe, RecipeProblems problems) {
    RunRecipe run = recipe.run();
    if (!KNOWN.contains(run.bestMetric())) {
      problems.add(
          "run.best_metric",
          "found '" + run.bestMetric() + "', expected one of " + String.join(", ", KNOWN));
      return;
    }
    if (run.bestMetric().equals(RunRecipe.NO_METRIC)) {
      return;
    }
    DataRecipe data = recipe.data();
    if (data.validation() == 0 && data.validationPath().isEmpty()) {
      problems.add("run.best_metric", "nothing is held out to measure it; set data.validation");
    }
  }
}
