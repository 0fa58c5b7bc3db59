package io.github.eqvae.train.generator;

import io.github.eqvae.train.recipe.Range;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeProblems;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code distance}: how far samples are from real images, measured at each validation.
 * Samples use {@code samples.sampler}, and the same noise and labels each time.
 *
 * @param reference real images or statistics of their features, in a form that {@code evaluate
 *     --reference} takes; default none: no distance is measured. Source: ours: measuring takes time
 * @param classifiers {@code model.safetensors} of runs with {@code task: classifier}, whose
 *     features are compared: {@code frechet_distance} of the first, {@code frechet_distance_2} of
 *     the second. With more than one it shows whether an effect is that of one network only;
 *     default none. Source: ours: none is included
 * @param inceptionWeights {@code inception_weights}: Inception's weights, for the {@code fid} by
 *     ADM's rules; default none. Source: ours: the weights are not included
 * @param count number of samples, of each class in turn; default 2000. Source: ours: shows a trend
 *     (published figures: 50,000)
 * @param steps steps of the sampler; default 25, MaskGIT's 8. Source: ours: quick
 * @param guidance scale of classifier-free guidance; default 1, MaskGIT's 0: none. Source: paper,
 *     table 2: without guidance
 */
public record DistanceRecipe(
    Optional<Path> reference,
    List<Path> classifiers,
    Optional<Path> inceptionWeights,
    int count,
    int steps,
    double guidance) {
  private static final int MOST = 8;

  /** Copies the list. */
  public DistanceRecipe {
    classifiers = List.copyOf(classifiers);
  }

  static DistanceRecipe read(RecipeFields in) {
    return read(in, 25, 1);
  }

  /** Reads the section, with the defaults of a kind of sampler. */
  static DistanceRecipe read(RecipeFields in, int steps, double guidance) {
    return new DistanceRecipe(
        in.optionalPath("reference"),
        in.paths("classifiers", MOST),
        in.optionalPath("inception_weights"),
        in.integer("count", 2000, 2, 1 << 20),
        in.integer("steps", steps, 2, 1000),
        in.number("guidance", guidance, Range.NOT_NEGATIVE));
  }

  /**
   * Reports a reference without a network for its features, and such a network without a reference.
   */
  void check(RecipeProblems problems) {
    boolean features = !classifiers.isEmpty() || inceptionWeights.isPresent();
    if (isMeasured() && !features) {
      problems.add(
          "distance.classifiers",
          "a distance compares features: name model.safetensors of a run with task: classifier, or"
              + " distance.inception_weights");
    }
    if (features && !isMeasured()) {
      problems.add("distance.reference", "name the real images that samples are compared with");
    }
  }

  /** Whether anything is measured. */
  boolean isMeasured() {
    return reference.isPresent();
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("reference", reference.map(Path::toString));
    map.put("classifiers", classifiers.stream().map(Path::toString).toList());
    map.put("inception_weights", inceptionWeights.map(Path::toString));
    map.put("count", count);
    map.put("steps", steps);
    map.put("guidance", guidance);
    return map;
  }
}
