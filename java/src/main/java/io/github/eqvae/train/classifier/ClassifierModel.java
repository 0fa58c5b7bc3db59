package io.github.eqvae.train.classifier;

import io.github.eqvae.generator.VitClassifier;
import io.github.eqvae.model.ClassifierConfig;
import io.github.eqvae.model.SmallClassifier;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeProblems;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code model} of a classifier's recipe.
 *
 * @param kind {@code convolutional}, or {@code vit}, a vision transformer with a class token;
 *     default {@code convolutional}. Source: ours: the older one
 * @param width channels of the first level, a multiple of 8, default 16; of {@code vit} channels of
 *     a token, default 64. Source: ours: trains in minutes
 * @param depth blocks of {@code vit}; default 4 there, else 0. Source: ours: trains in minutes
 * @param heads attention heads of {@code vit}; default 4 there, else 0. Source: ours: trains in
 *     minutes
 * @param patch side of the square of pixels that becomes a token of {@code vit}; default 4 there,
 *     else 0. Source: ours: 64 tokens of 32 px
 * @param classes number of classes; required
 */
record ClassifierModel(Kind kind, int width, int depth, int heads, int patch, int classes) {

  /** What network it is. */
  enum Kind {
    /** {@link SmallClassifier}. */
    CONVOLUTIONAL,
    /** {@link VitClassifier}. */
    VIT
  }

  static ClassifierModel read(RecipeFields in) {
    Kind kind = in.choice("kind", Kind.CONVOLUTIONAL);
    boolean vit = kind == Kind.VIT;
    return new ClassifierModel(
        kind,
        in.integer("width", vit ? 64 : 16, 8, ClassifierConfig.WIDEST),
        in.integer("depth", vit ? 4 : 0, 0, VitClassifier.DEEPEST),
        in.integer("heads", vit ? 4 : 0, 0, ClassifierConfig.WIDEST),
        in.integer("patch", vit ? 4 : 0, 0, ClassifierConfig.LARGEST_SIDE),
        Math.toIntExact(
            in.requiredInteger("classes", 2, ClassifierConfig.MOST_CLASSES, "how many classes")));
  }

  /** Reports what cannot be a network for these images. */
  void check(RecipeProblems problems, LabelledImages data) {
    if (kind == Kind.VIT) {
      checkVit(problems, data);
      return;
    }
    if (width % 8 != 0) {
      problems.add("model.width", width + "; expected a multiple of 8, the groups of its norms");
    }
    if (data.resolution() % 8 != 0) {
      problems.add("data.resolution", data.resolution() + "; expected a multiple of 8");
    }
    Map.of("depth", depth, "heads", heads, "patch", patch)
        .forEach(
            (key, value) -> {
              if (value != 0) {
                problems.add("model." + key, value + "; only model.kind: vit has it");
              }
            });
  }

  private void checkVit(RecipeProblems problems, LabelledImages data) {
    if (depth == 0) {
      problems.add("model.depth", "0; a vision transformer has at least 1 block");
    }
    if (heads == 0 || width % heads != 0 || width / heads > VitClassifier.LARGEST_HEAD) {
      problems.add(
          "model.heads",
          "%d; expected a divisor of the width %d, with heads of at most %d channels"
              .formatted(heads, width, VitClassifier.LARGEST_HEAD));
    }
    if (patch == 0 || data.resolution() % patch != 0) {
      problems.add(
          "model.patch",
          "%d; expected a divisor of data.resolution, %d".formatted(patch, data.resolution()));
    }
  }

  /** The network for these images. */
  ClassifierConfig config(LabelledImages data) {
    return switch (kind) {
      case CONVOLUTIONAL ->
          new SmallClassifier.Config(data.channels(), data.resolution(), width, classes);
      case VIT ->
          new VitClassifier.Config(
              data.channels(), data.resolution(), patch, width, depth, heads, classes);
    };
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("kind", RecipeFields.name(kind));
    map.put("width", width);
    map.put("depth", depth);
    map.put("heads", heads);
    map.put("patch", patch);
    map.put("classes", classes);
    return map;
  }
}
