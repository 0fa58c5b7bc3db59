package io.github.eqvae.train.generator;

import io.github.eqvae.train.recipe.RecipeFields;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Section {@code data} of {@code task: maskgit}: a folder of codes that {@code eqvae encode
 * --posterior codes} filled.
 *
 * @param path the folder; required
 * @param flips whether half of the samples are those of the mirrored pictures, where the folder has
 *     them ({@code encode --hflip}); default true. Source: Maskgit-pytorch
 * @param validation pictures that are held out; default 512. Source: ours: to see overfitting
 */
public record CodesRecipe(Path path, boolean flips, int validation) {
  static CodesRecipe read(RecipeFields in) {
    return new CodesRecipe(
        in.requiredPath("path", "the folder that `encode --posterior codes` filled"),
        in.flag("flips", true),
        in.integer("validation", 512, 0, Integer.MAX_VALUE));
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("path", path.toString());
    map.put("flips", flips);
    map.put("validation", validation);
    return map;
  }
}
