package io.github.eqvae.train.classifier;

import io.github.eqvae.train.recipe.RecipeFields;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code model} of a classifier's recipe.
 *
 * @param width channels of the first level, a multiple of 8; default 16. Source: ours: trains in
 *     minutes
 * @param classes number of classes; required
 */
record ClassifierModel(int width, int classes) {
  private static final int WIDEST = 1024;
  private static final int MOST_CLASSES = 1_000_000;

  static ClassifierModel read(RecipeFields in) {
    return new ClassifierModel(
        in.integer("width", 16, 8, WIDEST),
        Math.toIntExact(in.requiredInteger("classes", 2, MOST_CLASSES, "how many classes")));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("width", width);
    map.put("classes", classes);
    return map;
  }
}
