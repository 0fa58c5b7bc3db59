package io.github.eqvae.train.generator;

import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code data}: a folder of latents that {@code eqvae encode} filled.
 *
 * @param path the folder; required
 * @param posterior how {@code moments} are used: a {@code sample}, drawn again each time, or the
 *     {@code mode}; default {@code sample}. Has no effect on folders without moments. Source: DiT
 *     and SiT: train.py
 * @param flips use the latents of the mirrored pictures for half of the samples, if the folder has
 *     them ({@code encode --hflip}); default true. Source: DiT and SiT: train.py mirrors at random
 * @param scaling how latents are scaled for the network: {@code index}, with the autoencoder's
 *     scaling in {@code index.json}; by the statistics there, {@code factor} (1/std), {@code shift}
 *     (mean and 1/std) or {@code channels} (both per channel); or {@code none}; default {@code
 *     index}. Source: DiT and SiT: train.py uses SD-VAE's 0.18215
 * @param validation number of latents that are held out; default 512. Source: ours: enough for
 *     stable figures; DiT and SiT: none
 */
public record LatentsRecipe(
    Path path, Posterior posterior, boolean flips, Scaling scaling, int validation) {
  /** How moments are used. */
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
        in.requiredPath("path", "the folder that `encode` filled"),
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
