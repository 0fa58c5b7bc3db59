package io.github.eqvae.train.classifier;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.generator.VitClassifier;
import io.github.eqvae.model.SmallClassifier;
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

  private static ClassifierRecipe parse(String yaml) {
    return RecipeReader.parse(yaml, "recipe", List.of(), List.of(ClassifierRecipe.KIND));
  }

  @Test
  void theShippedVisionTransformerIsReadAndWrittenAgain() {
    ClassifierRecipe recipe =
        (ClassifierRecipe)
            RecipeKinds.read(
                SHIPPED.resolveSibling("classifier-vit-fashion-mnist.yaml"), List.of());
    assertEquals(recipe.settings(), parse(recipe.toYaml()).settings());
    assertEquals(new VitClassifier.Config(1, 32, 4, 64, 4, 4, 10), recipe.config());
    assertEquals(64, recipe.config().places() * recipe.config().places());
  }

  /** A run's recipe of before there was another kind. */
  @Test
  void withoutAKindItIsConvolutional() {
    String yaml =
        """
        task: classifier
        model: {width: 24, classes: 5}
        data: {path: pictures}
        optimizer: {learning_rate: 1e-3}
        run: {steps: 10}
        """;
    assertEquals(new SmallClassifier.Config(3, 32, 24, 5), parse(yaml).config());
  }

  @Test
  void whatTheKindCannotBeIsSaid() {
    RecipeException e =
        assertThrows(
            RecipeException.class,
            () ->
                RecipeKinds.read(
                    SHIPPED,
                    List.of(
                        "model.kind=vit",
                        "model.width=60",
                        "model.heads=7",
                        "model.depth=0",
                        "model.patch=5")));
    for (String part :
        List.of(
            "model.heads: 7; expected a divisor of the width 60",
            "model.depth: 0; a vision transformer has at least 1 block",
            "model.patch: 5; expected a divisor of data.resolution, 32")) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
    e =
        assertThrows(
            RecipeException.class,
            () -> RecipeKinds.read(SHIPPED, List.of("model.heads=4", "model.patch=4")));
    for (String key : List.of("model.heads", "model.patch")) {
      assertTrue(e.getMessage().contains(key + ": 4; only model.kind: vit"), e.getMessage());
    }
  }
}
