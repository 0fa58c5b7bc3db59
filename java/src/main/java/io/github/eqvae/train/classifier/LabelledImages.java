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
 * @param labels an IDX file with the labels of an IDX file of pictures; default none: of {@code
 *     …images-idx3-ubyte…} the file {@code …labels-idx1-ubyte…} beside it. Source: ours: folders of
 *     pictures need none
 * @param resolution side of the images, a multiple of 8, of {@code vit} of its patch; default 32.
 *     Source: ours: small images
 * @param channels 1 for gray, 3 for RGB; default 3. Source: ours: most pictures are RGB
 * @param validation number of images that are held out; default 1000. Source: ours: enough for
 *     stable figures
 * @param flip mirror images at random; default true. Source: ours: usual for photographs
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
    map.put("labels", labels.map(Path::toString));
    map.put("resolution", resolution);
    map.put("channels", channels);
    map.put("validation", validation);
    map.put("flip", flip);
    return map;
  }
}
