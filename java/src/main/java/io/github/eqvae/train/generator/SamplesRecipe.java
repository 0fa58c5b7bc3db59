package io.github.eqvae.train.generator;

import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code samples}: the pictures that a run shows while it trains, each time from the same
 * noise and labels.
 *
 * @param autoencoder the autoencoder that decodes the samples; default none: the one that {@code
 *     index.json} names. Its weights must be those that made the latents. Source: ours: the latents
 *     name it
 * @param count number of pictures; default 32. Source: ours: fits on a screen
 * @param labels labels of the pictures, repeated as often as needed; default none: the first
 *     classes. Source: ours: works with any number of classes
 * @param sampler {@code ddpm}, {@code ddim} for DiT; {@code euler}, {@code heun}, {@code sde} for
 *     the others; or {@code auto}: {@code ddim} for DiT, {@code heun} for the others; default
 *     {@code auto}. Source: ours: good pictures in few steps
 * @param steps steps of the sampler; default 25. Source: ours: quick
 * @param guidance scale of classifier-free guidance, for all channels; 1 for none; default 1.
 *     Source: ours: shows what was learned
 * @param batch number of pictures that are made at once; default 16. Source: ours: needs little
 *     memory
 */
public record SamplesRecipe(
    Optional<Path> autoencoder,
    int count,
    List<Integer> labels,
    Sampler sampler,
    int steps,
    double guidance,
    int batch) {
  /** How noise becomes data. */
  public enum Sampler {
    /** By the kind of network. */
    AUTO,
    /** Ancestral sampling of a diffusion. */
    DDPM,
    /** DDIM without noise. */
    DDIM,
    /** The probability flow, by Euler's rule. */
    EULER,
    /** The probability flow, by Heun's rule: two calls a step. */
    HEUN,
    /** The stochastic equation of SiT, by Euler's and Maruyama's rule. */
    SDE;

    /** The sampler that this is for a process. */
    Sampler of(ProcessRecipe process) {
      return this != AUTO ? this : process instanceof DiffusionRecipe ? DDIM : HEUN;
    }

    boolean fits(ProcessRecipe process) {
      boolean ofDiffusion = this == DDPM || this == DDIM;
      return this == AUTO || ofDiffusion == (process instanceof DiffusionRecipe);
    }
  }

  /** Copies the list. */
  public SamplesRecipe {
    labels = List.copyOf(labels);
  }

  static SamplesRecipe read(RecipeFields in) {
    return new SamplesRecipe(
        in.optionalPath("autoencoder"),
        in.integer("count", 32, 1, 1024),
        in.integers("labels", List.of(), 0, 1 << 20, 1024),
        in.choice("sampler", Sampler.AUTO),
        in.integer("steps", 25, 2, 1000),
        in.number("guidance", 1, Range.NOT_NEGATIVE),
        in.integer("batch", 16, 1, 65_536));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("autoencoder", autoencoder.map(Path::toString));
    map.put("count", count);
    map.put("labels", labels);
    map.put("sampler", RecipeFields.name(sampler));
    map.put("steps", steps);
    map.put("guidance", guidance);
    map.put("batch", batch);
    return map;
  }
}
