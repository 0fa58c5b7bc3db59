package io.github.eqvae.train.recipe;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

/** How the nearest key is found. */
class RecipeProblemsTest {
  @Test
  void editDistance() {
    assertEquals(0, RecipeProblems.distance("abc", "abc"));
    assertEquals(3, RecipeProblems.distance("", "abc"));
    assertEquals(3, RecipeProblems.distance("kitten", "sitting"));
    assertEquals(1, RecipeProblems.distance("scaling", "scalng"));
    assertEquals("crop", RecipeProblems.nearest("corp", List.of("pad", "crop", "hflip")));
  }
}
