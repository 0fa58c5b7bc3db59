package io.github.eqvae.train.classifier;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.train.kinds.RecipeKinds;
import io.github.eqvae.train.recipe.RecipeException;
import io.github.eqvae.train.recipe.RecipeReader;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The recipe of a classifier, which is read as any other. */
class ClassifierRecipeTest {
  private static final Path SHIPPED =
      Path.of(System.getProperty("eqvae.root"), "recipes/classifier-fashion-mnist.yaml");

  @Test
  void theShippedOneIsReadAndWrittenAgain() {
    ClassifierRecipe recipe = (ClassifierRecipe) RecipeKinds.read(SHIPPED, List.of());
    ClassifierRecipe again =
        RecipeReader.parse(recipe.toYaml(), "again", List.of(), List.of(ClassifierRecipe.KIND));
    assertEquals(recipe.settings(), again.settings());
    assertEquals(10, recipe.classes());
    assertTrue(recipe.mayChange("run.steps") && !recipe.mayChange("model.width"));
  }

  /** A run writes its recipe before anything else: folders of pictures name no labels. */
  @Test
  void aRecipeWithoutLabelsIsWritten() {
    ClassifierRecipe recipe =
        (ClassifierRecipe) RecipeKinds.read(SHIPPED, List.of("data.labels=null"));
    ClassifierRecipe again =
        RecipeReader.parse(recipe.toYaml(), "again", List.of(), List.of(ClassifierRecipe.KIND));
    assertEquals(recipe.settings(), again.settings());
  }

  @Test
  void everythingThatIsWrongIsSaid() {
    RecipeException e =
        assertThrows(
            RecipeException.class,
            () ->
                RecipeKinds.read(
                    SHIPPED,
                    List.of(
                        "model.width=20",
                        "data.resolution=30",
                        "data.channels=2",
                        "optimizer.warmup_steps=0",
                        "optimizer.schedule=warmup")));
    for (String key :
        List.of("model.width", "data.resolution", "data.channels", "optimizer.warmup_steps")) {
      assertTrue(e.getMessage().contains(key), e.getMessage());
    }
    e =
        assertThrows(
            RecipeException.class, () -> RecipeKinds.read(SHIPPED, List.of("model.depth=3")));
    assertTrue(e.getMessage().contains("model.depth"), e.getMessage());
  }
}
