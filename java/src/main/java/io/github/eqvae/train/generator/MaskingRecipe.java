package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.MaskSchedule;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code masking} of {@code task: maskgit}: what is hidden, and what the network is asked.
 * The defaults are those of valeoai/Maskgit-pytorch.
 *
 * @param schedule the share of codes that is hidden, of a number r that is drawn evenly for each
 *     picture: {@code linear} r, {@code square} r², {@code cosine}, {@code arccos}; default {@code
 *     arccos}. Source: Maskgit-pytorch
 * @param labelSmoothing {@code label_smoothing}: the share of a target that is spread over all
 *     codes; default 0.1. Source: Maskgit-pytorch
 * @param tokens whose loss is learned from: {@code all}, or {@code masked} alone as in MaskGIT's
 *     paper; default {@code all}. Source: Maskgit-pytorch
 */
public record MaskingRecipe(MaskSchedule schedule, double labelSmoothing, Tokens tokens) {
  static final String SECTION = "masking";

  /** Whose loss is learned from. */
  public enum Tokens {
    /** Of all, those that are seen included. */
    ALL,
    /** Of those that are hidden. */
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
