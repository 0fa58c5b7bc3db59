package io.github.eqvae.train.generator;

import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code data}: a folder of latents that {@code eqvae encode} filled.
 *
 * @param path the folder; required
 * @param posterior what of {@code moments} is learned: a {@code sample} that is drawn anew each
 *     time, or the {@code mode}; default {@code sample}. Without effect on a folder that holds no
 *     moments
 * @param flips whether half of the samples are those of the mirrored pictures, where the folder has
 *     them ({@code encode --hflip}); default true
 * @param scaling how the autoencoder's latents become what the network sees: {@code index}, as
 *     {@code index.json} says, or of the statistics there: {@code factor} (1/std), {@code shift}
 *     (mean and 1/std), {@code channels} (of each channel); or {@code none}; default {@code index}
 * @param validation latents that are held out; default 512
 */
public record LatentsRecipe(
    Path path, Posterior posterior, boolean flips, Scaling scaling, int validation) {
  /** What of moments is learned. */
  public enum Posterior {
    /** mean + std · noise, drawn anew each time. */
    SAMPLE,
    /** The mean. */
    MODE
  }

  /** Where the scaling of latents comes from. */
  public enum Scaling {
    /** What {@code index.json} says of the autoencoder. */
    INDEX,
    /** 1/std of all. */
    FACTOR,
    /** Mean and 1/std of all. */
    SHIFT,
    /** Mean and 1/std of each channel. */
    CHANNELS,
    /** As they are. */
    NONE
  }

  static LatentsRecipe read(RecipeFields in) {
    return new LatentsRecipe(
        in.requiredPath("path", "the folder that `eqvae encode` filled"),
        in.choice("posterior", Posterior.SAMPLE),
        in.flag("flips", true),
        in.choice("scaling", Scaling.INDEX),
        in.integer("validation", 512, 0, Integer.MAX_VALUE));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("path", path.toString());
    map.put("posterior", RecipeFields.name(posterior));
    map.put("flips", flips);
    map.put("scaling", RecipeFields.name(scaling));
    map.put("validation", validation);
    return map;
  }
}
