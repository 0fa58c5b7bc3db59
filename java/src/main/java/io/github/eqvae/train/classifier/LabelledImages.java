package io.github.eqvae.train.classifier;

import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Section {@code data} of a classifier's recipe.
 *
 * @param path a folder of pictures, whose folders are the classes, or an IDX file; required
 * @param labels an IDX file of labels, for one of pictures; default none
 * @param resolution side of the images, a multiple of 8; default 32
 * @param channels 1 for gray, 3 for RGB; default 3
 * @param validation how many images are held out; default 1000
 * @param flip whether images are mirrored at random; default true
 */
record LabelledImages(
    Path path, Optional<Path> labels, int resolution, int channels, int validation, boolean flip) {
  private static final int LARGEST = 1024;

  static LabelledImages read(RecipeFields in) {
    return new LabelledImages(
        in.requiredPath("path", "a folder of pictures in folders of classes, or an IDX file"),
        in.optionalPath("labels"),
        in.integer("resolution", 32, 8, LARGEST),
        in.integer("channels", 3, 1, 3),
        in.integer("validation", 1000, 1, Integer.MAX_VALUE),
        in.flag("flip", true));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("path", path.toString());
    map.put("labels", labels.map(Path::toString).orElse(null));
    map.put("resolution", resolution);
    map.put("channels", channels);
    map.put("validation", validation);
    map.put("flip", flip);
    return map;
  }
}
