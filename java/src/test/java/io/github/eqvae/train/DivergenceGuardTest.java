package io.github.eqvae.train;

import static io.github.eqvae.train.DivergenceGuard.Verdict.APPLY;
import static io.github.eqvae.train.DivergenceGuard.Verdict.SKIP;
import static io.github.eqvae.train.DivergenceGuard.Verdict.STOP;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.recipe.RecipeReader;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DivergenceGuardTest {
  @ParameterizedTest
  @CsvSource({"NaN,1", "1,NaN", "Infinity,1", "-Infinity,1", "1,Infinity", "NaN,NaN"})
  void anythingNotFiniteIsSkipped(double loss, double norm) {
    DivergenceGuard guard = new DivergenceGuard(2);
    assertEquals(APPLY, guard.check(-3, 0));
    assertEquals(SKIP, guard.check(loss, norm));
    assertEquals(1, guard.skipped());
  }

  @Test
  void stopsAfterSoManyInARow() {
    DivergenceGuard guard = new DivergenceGuard(3);
    assertEquals(SKIP, guard.check(Double.NaN, 1));
    assertEquals(SKIP, guard.check(Double.NaN, 1));
    assertEquals(APPLY, guard.check(Double.MAX_VALUE, 1)); // large is not infinite
    assertEquals(0, guard.consecutive());
    assertEquals(SKIP, guard.check(Double.NaN, 1));
    assertEquals(SKIP, guard.check(Double.NaN, 1));
    assertEquals(STOP, guard.check(2, Double.POSITIVE_INFINITY));
    assertEquals(5, guard.skipped());
    String advice = guard.advice();
    assertTrue(advice.contains("the last 3 updates"), advice);
    assertTrue(advice.contains("loss 2.0, gradient norm Infinity"), advice);
    assertTrue(advice.contains("5 updates were skipped in all"), advice);
    assertTrue(advice.contains("optimizer.learning_rate"), advice);
  }

  @Test
  void resumedGuardStopsAtTheSameUpdate() {
    DivergenceGuard guard = new DivergenceGuard(3);
    guard.check(Double.NaN, 1);
    guard.check(Double.NaN, 1);
    DivergenceGuard resumed = new DivergenceGuard(3, guard.consecutive(), guard.skipped());
    assertEquals(STOP, resumed.check(Double.NaN, 1));
    assertEquals(3, resumed.skipped());
  }

  @Test
  void everyOptionOfTheAdviceExists() {
    String advice = new DivergenceGuard(1, 1, 1).advice();
    assertTrue(advice.contains("before the resume"), advice);
    AutoencoderRecipe recipe =
        RecipeReader.parse(
            "data: {path: x}\nobjective: {perceptual_weight: 0}\n", "r", recipeOverrides());
    recipe.with("optimizer.gradient_clip=1.0", "objective.gan.disc_start=5");
    for (String key : new String[] {"learning_rate", "disc_weight", "disc_learning_rate"}) {
      assertTrue(recipe.toYaml().contains(key + ":"), key);
    }
  }

  private static List<String> recipeOverrides() {
    return List.of(
        "optimizer.learning_rate=1",
        "run.steps=9",
        "optimizer.schedule=warmup",
        "optimizer.warmup_steps=500");
  }

  @Test
  void impossibleCountsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> new DivergenceGuard(0));
    assertThrows(IllegalArgumentException.class, () -> new DivergenceGuard(3, 2, 1));
    assertThrows(IllegalArgumentException.class, () -> new DivergenceGuard(3, -1, 1));
  }
}
