package io.github.eqvae.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DivergenceGuardTest {
  @ParameterizedTest
  @CsvSource({"NaN,1", "1,NaN", "Infinity,1", "-Infinity,1", "1,Infinity", "NaN,NaN"})
  void anythingNotFiniteIsSkipped(double loss, double norm) {
    DivergenceGuard guard = new DivergenceGuard(2);
    assertTrue(guard.check(-3, 0));
    assertFalse(guard.check(loss, norm));
    assertFalse(guard.isExhausted());
    assertEquals(1, guard.skipped());
  }

  @Test
  void stopsAfterSoManyInARow() {
    DivergenceGuard guard = new DivergenceGuard(3);
    assertFalse(guard.check(Double.NaN, 1));
    assertFalse(guard.isExhausted());
    assertFalse(guard.check(Double.NaN, 1));
    assertFalse(guard.isExhausted());
    assertTrue(guard.check(Double.MAX_VALUE, 1)); // large is not infinite
    assertEquals(0, guard.consecutive());
    assertFalse(guard.check(Double.NaN, 1));
    assertFalse(guard.isExhausted());
    assertFalse(guard.check(Double.NaN, 1));
    assertFalse(guard.isExhausted());
    assertFalse(guard.check(2, Double.POSITIVE_INFINITY));
    assertTrue(guard.isExhausted());
    assertEquals(5, guard.skipped());
    String advice = guard.advice(List.of("something of the task"));
    assertTrue(advice.contains("the last 3 updates"), advice);
    assertTrue(advice.contains("loss 2.0, gradient norm Infinity"), advice);
    assertTrue(advice.contains("5 updates were skipped in all"), advice);
    assertTrue(advice.contains("1. a lower optimizer.learning_rate"), advice);
    assertTrue(advice.contains("3. something of the task.\n"), advice);
  }

  @Test
  void resumedGuardStopsAtTheSameUpdate() {
    DivergenceGuard guard = new DivergenceGuard(3);
    guard.check(Double.NaN, 1);
    guard.check(Double.NaN, 1);
    DivergenceGuard resumed = new DivergenceGuard(3, guard.consecutive(), guard.skipped());
    assertFalse(resumed.check(Double.NaN, 1));
    assertTrue(resumed.isExhausted());
    assertEquals(3, resumed.skipped());
  }

  @Test
  void everyOptionOfTheAdviceExists() {
    String advice = new DivergenceGuard(1, 1, 1).advice(List.of());
    assertTrue(advice.contains("before the resume"), advice);
    AutoencoderRecipe recipe =
        AutoencoderRecipe.parse(
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
