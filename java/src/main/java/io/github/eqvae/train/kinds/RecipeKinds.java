package io.github.eqvae.train.kinds;

import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.classifier.ClassifierRecipe;
import io.github.eqvae.train.generator.GeneratorRecipe;
import io.github.eqvae.train.generator.MaskGitRecipe;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.run.RunnableRecipe;
import java.nio.file.Path;
import java.util.List;

/** The kinds of recipes that can be trained: what {@code task} in a recipe may name. */
public final class RecipeKinds {
  /** All of them; a recipe without {@code task} is of the first kind. */
  public static final List<RecipeKind<? extends RunnableRecipe<?>>> ALL =
      List.of(
          AutoencoderRecipe.KIND, GeneratorRecipe.KIND, MaskGitRecipe.KIND, ClassifierRecipe.KIND);

  private RecipeKinds() {}

  /**
   * Reads a recipe of any kind.
   *
   * @param file the YAML file
   * @param overrides as for {@link RecipeReader#read}
   * @return the valid recipe
   * @throws io.github.eqvae.train.recipe.RecipeException if it is none
   */
  public static RunnableRecipe<?> read(Path file, List<String> overrides) {
    return RecipeReader.<RunnableRecipe<?>>read(file, overrides, ALL);
  }
}
