package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.Interpolant;
import io.github.eqvae.diffusion.RepaLoss;
import io.github.eqvae.generator.checkpoint.GeneratorProcess;
import io.github.eqvae.train.recipe.RecipeFields;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code repa}, of {@code model.kind: repa}: SiT as sihyun-yu/REPA trains it, on a clock
 * that runs from data to noise. The alignment itself is section {@code alignment}, which the other
 * kinds may have, too.
 *
 * @param path {@code linear}, or {@code gvp}, which REPA calls cosine; default {@code linear}.
 *     Source: REPA: train.py
 * @param times distribution of the times: {@code uniform} or {@code lognormal}; default {@code
 *     uniform}. Source: REPA: train.py
 */
public record RepaRecipe(Interpolant path, RepaLoss.Times times) implements ProcessRecipe {
  static final String SECTION = "repa";

  static RepaRecipe read(RecipeFields in) {
    return new RepaRecipe(
        in.choice("path", Interpolant.LINEAR), in.choice("times", RepaLoss.Times.UNIFORM));
  }

  @Override
  public GeneratorProcess.Repa process() {
    return new GeneratorProcess.Repa(path);
  }

  @Override
  public String section() {
    return SECTION;
  }

  @Override
  public RepaLoss loss() {
    return new RepaLoss(path, times);
  }

  @Override
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("path", RecipeFields.name(path));
    map.put("times", RecipeFields.name(times));
    return map;
  }
}
