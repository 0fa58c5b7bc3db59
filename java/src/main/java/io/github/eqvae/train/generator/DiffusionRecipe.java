package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.DenoisingLoss;
import io.github.eqvae.diffusion.DiffusionLoss;
import io.github.eqvae.diffusion.GaussianDiffusion;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.train.recipe.RecipeFields;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code diffusion}, of DiT. The defaults are those of facebookresearch/DiT {@code
 * create_diffusion}.
 *
 * @param schedule how the noise grows: {@code linear}, {@code cosine}, {@code quad}, {@code
 *     warmup10}, {@code warmup50} or {@code const}; default {@code linear}. Source: DiT:
 *     create_diffusion
 * @param steps number of steps; default 1000. Source: DiT: create_diffusion
 * @param prediction what the network predicts: {@code epsilon}, {@code start} or {@code velocity};
 *     default {@code epsilon}. Source: DiT: create_diffusion
 * @param variance {@code learned_range} or {@code learned} (the logarithm itself), which need
 *     {@code model.learn_sigma}, {@code fixed_large} or {@code fixed_small}; default {@code
 *     learned_range} with {@code model.learn_sigma}, else {@code fixed_large}. Source: DiT:
 *     create_diffusion
 * @param kind {@code loss}: {@code mse} (with the variational bound if the variance is learned),
 *     {@code rescaled_mse}, {@code kl} or {@code rescaled_kl}; default {@code mse}. Source: DiT:
 *     create_diffusion
 * @param decoder {@code decoder_precision}: of the variational bound's first step, {@code fp32} as
 *     published, which loses up to 10 % of its gradient to cancellation, or {@code fp64}; default
 *     {@code fp32}. Source: DiT: gaussian_diffusion
 */
public record DiffusionRecipe(
    GeneratorProcess.Schedule schedule,
    int steps,
    GaussianDiffusion.Prediction prediction,
    GaussianDiffusion.Variance variance,
    DiffusionLoss.Kind kind,
    DiffusionLoss.DecoderPrecision decoder)
    implements ProcessRecipe {
  static final String SECTION = "diffusion";

  /** With fewer steps a schedule that ends with 20/steps would have a β above 1. */
  private static final int FEWEST_LINEAR = 20;

  static DiffusionRecipe read(RecipeFields in, NetworkRecipe model) {
    GeneratorProcess.Schedule schedule = in.choice("schedule", GeneratorProcess.Schedule.LINEAR);
    return new DiffusionRecipe(
        schedule,
        in.integer(
            "steps",
            1000,
            schedule == GeneratorProcess.Schedule.COSINE ? 2 : FEWEST_LINEAR,
            1_000_000),
        in.choice("prediction", GaussianDiffusion.Prediction.EPSILON),
        in.choice(
            "variance",
            model.learnSigma()
                ? GaussianDiffusion.Variance.LEARNED_RANGE
                : GaussianDiffusion.Variance.FIXED_LARGE),
        in.choice("loss", DiffusionLoss.Kind.MSE),
        in.choice("decoder_precision", DiffusionLoss.DecoderPrecision.FP32));
  }

  @Override
  public GeneratorProcess.Steps process() {
    return new GeneratorProcess.Steps(schedule, steps, prediction, variance);
  }

  @Override
  public String section() {
    return SECTION;
  }

  @Override
  public DenoisingLoss loss() {
    return new DiffusionLoss(process().process(), kind, decoder);
  }

  @Override
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("schedule", RecipeFields.name(schedule));
    map.put("steps", steps);
    map.put("prediction", RecipeFields.name(prediction));
    map.put("variance", RecipeFields.name(variance));
    map.put("loss", RecipeFields.name(kind));
    map.put("decoder_precision", RecipeFields.name(decoder));
    return map;
  }
}
