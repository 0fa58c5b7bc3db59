package io.github.eqvae.train.generator;

import io.github.eqvae.diffusion.ConfidenceSampler;
import io.github.eqvae.diffusion.HaltonSampler;
import io.github.eqvae.diffusion.MaskSchedule;
import io.github.eqvae.diffusion.MaskedSampler;
import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Section {@code samples} of {@code task: maskgit}: the pictures that a run shows while it trains,
 * each time with the same draws and labels.
 *
 * @param autoencoder the autoencoder that decodes them; default none: the one that {@code
 *     index.json} names. Its weights must be those that made the codes. Source: ours: pictures of
 *     others would be wrong
 * @param count number of pictures; default 32. Source: ours: fits on a screen
 * @param labels labels of the pictures, repeated as often as needed; default none: the first
 *     classes. Source: ours: works with any number of classes
 * @param order which codes are chosen first: {@code confidence}, those with the highest confidence,
 *     or {@code halton}, those of a Halton sequence; default {@code confidence}. Source:
 *     Maskgit-pytorch
 * @param schedule how many codes a step chooses, with {@code confidence}: {@code root}, {@code
 *     linear}, {@code square}, {@code cosine}, {@code arccos}; default {@code arccos}. Source:
 *     Maskgit-pytorch
 * @param steps steps of the sampler; default 8. Source: Maskgit-pytorch: main.py
 * @param guidance scale w of classifier-free guidance, 0 for none: logits are {@code (1 + w)·c −
 *     w·u}, with c for the label and u without one; default 3. Source: Maskgit-pytorch
 * @param noise factor of the Gumbel noise that is added to confidences in the first step; default
 *     4.5. Source: Maskgit-pytorch
 * @param sharpness factor of the logits; default 1. Source: Maskgit-pytorch
 * @param batch number of pictures that are made at once; default 16. Source: ours: enough for a
 *     processor
 */
public record MaskGitSamplesRecipe(
    Optional<Path> autoencoder,
    int count,
    List<Integer> labels,
    Order order,
    MaskSchedule schedule,
    int steps,
    double guidance,
    double noise,
    double sharpness,
    int batch) {
  /** Which codes are chosen first. */
  public enum Order {
    /** Those with the highest confidence, with noise. */
    CONFIDENCE,
    /** In the order of a quasi-random sequence. */
    HALTON
  }

  /** Copies the list. */
  public MaskGitSamplesRecipe {
    labels = List.copyOf(labels);
  }

  static MaskGitSamplesRecipe read(RecipeFields in) {
    return new MaskGitSamplesRecipe(
        in.optionalPath("autoencoder"),
        in.integer("count", 32, 1, 1024),
        in.integers("labels", List.of(), 0, 1 << 20, 1024),
        in.choice("order", Order.CONFIDENCE),
        in.choice("schedule", MaskSchedule.ARCCOS),
        in.integer("steps", 8, 2, 65_536),
        in.number("guidance", 3, Range.NOT_NEGATIVE),
        in.number("noise", 4.5, Range.NOT_NEGATIVE),
        in.number("sharpness", 1, Range.POSITIVE),
        in.integer("batch", 16, 1, 65_536));
  }

  /** The samples for a distance: the same sampler with that section's count, steps and guidance. */
  MaskGitSamplesRecipe measured(DistanceRecipe distance, int classes) {
    return new MaskGitSamplesRecipe(
        autoencoder,
        distance.count(),
        IntStream.range(0, classes).boxed().toList(),
        order,
        schedule,
        distance.steps(),
        distance.guidance(),
        noise,
        sharpness,
        batch);
  }

  /** The sampler. */
  MaskedSampler sampler() {
    return switch (order) {
      case CONFIDENCE -> new ConfidenceSampler(schedule, steps, guidance, noise, sharpness, false);
      case HALTON ->
          new HaltonSampler(steps, guidance, HaltonSampler.Sharpness.of(sharpness), 0, false);
    };
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("autoencoder", autoencoder.map(Path::toString));
    map.put("count", count);
    map.put("labels", labels);
    map.put("order", RecipeFields.name(order));
    map.put("schedule", RecipeFields.name(schedule));
    map.put("steps", steps);
    map.put("guidance", guidance);
    map.put("noise", noise);
    map.put("sharpness", sharpness);
    map.put("batch", batch);
    return map;
  }
}
