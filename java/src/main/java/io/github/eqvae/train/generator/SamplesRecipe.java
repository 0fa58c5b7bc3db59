package io.github.eqvae.train.generator;

import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code samples}: the pictures that a run shows while it trains, each time of the same
 * noise and labels.
 *
 * @param autoencoder what decodes them; default none: the one that {@code index.json} names. Its
 *     weights must be those that made the latents
 * @param count pictures; default 32
 * @param labels what they show, repeated as often as needed; default none: the first ones
 * @param sampler {@code auto}: of DiT {@code ddim}, else {@code heun}; {@code ddpm}, {@code ddim};
 *     {@code euler}, {@code heun}, {@code sde}; default {@code auto}
 * @param steps of the sampler; default 25
 * @param guidance the scale of classifier-free guidance, of all channels; 1 for none; default 1
 * @param batch pictures that are made at once; default 16
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
