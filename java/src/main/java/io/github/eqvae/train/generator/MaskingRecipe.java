package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.MaskSchedule;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code masking} of {@code task: maskgit}: which codes are hidden, and which count in the
 * loss. The defaults are those of valeoai/Maskgit-pytorch.
 *
 * @param schedule the share of codes that is hidden, as a function of r, which is drawn uniformly
 *     for each picture: {@code linear} r, {@code square} r², {@code cosine}, {@code arccos};
 *     default {@code arccos}. Source: Maskgit-pytorch
 * @param labelSmoothing {@code label_smoothing}: the share of a target that is spread over all
 *     codes; default 0.1. Source: Maskgit-pytorch
 * @param tokens codes that count in the loss: {@code all}, or only {@code masked} ones, as in
 *     MaskGIT's paper; default {@code all}. Source: Maskgit-pytorch
 */
public record MaskingRecipe(MaskSchedule schedule, double labelSmoothing, Tokens tokens) {
  static final String SECTION = "masking";

  /** Which codes count in the loss. */
  public enum Tokens {
    /** All, visible ones included. */
    ALL,
    /** Hidden ones. */
    MASKED
  }

  static MaskingRecipe read(RecipeFields in) {
    return new MaskingRecipe(
        in.choice("schedule", MaskSchedule.ARCCOS),
        in.number("label_smoothing", 0.1, new Range(0, true, 1, false)),
        in.choice("tokens", Tokens.ALL));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("schedule", RecipeFields.name(schedule));
    map.put("label_smoothing", labelSmoothing);
    map.put("tokens", RecipeFields.name(tokens));
    return map;
  }
}
