package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.equivariance.Draw;
import io.github.eqvae.equivariance.SpatialTransform;
import io.github.eqvae.equivariance.TransformSampler;
import io.github.eqvae.train.MemoryPlan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a memory plan looks at is what a run draws: no less, and nothing that never comes. */
class PlannedDrawsTest {
  private static final int LATENT = 64;

  @TempDir Path folder;

  private AutoencoderRecipe recipe(String... overrides) throws IOException {
    return AutoencoderRecipe.parse(
        TinyRun.recipe(TinyRun.images(folder), 1, 1000), "tiny", List.of(overrides));
  }

  private static TreeSet<Integer> sides(List<Draw> draws) {
    TreeSet<Integer> sides = new TreeSet<>();
    draws.stream()
        .filter(d -> d.branch() != Draw.Branch.PLAIN)
        .forEach(d -> sides.add(SpatialTransform.scaled(LATENT, d.transform().scaleHeight())));
    return sides;
  }

  @ParameterizedTest
  @CsvSource({
    "continuous, 0.5, 1",
    "continuous, 0.3, 0.9",
    "continuous, 0.61, 0.63",
    "quarters, 0.25, 1",
    "discrete_32, 0.25, 1"
  })
  void theSmallestAndTheLargestAreThoseThatAreDrawn(String set, double least, double most)
      throws IOException {
    ObjectiveRecipe objective =
        recipe(
                "objective.scaling=isotropic",
                "objective.scale_set=" + set,
                "objective.scale_min=" + least,
                "objective.scale_max=" + most)
            .objective();
    TransformSampler sampler = new TransformSampler(objective.eqOptions());
    TreeSet<Integer> drawn = new TreeSet<>();
    for (int step = 0; step < 4000; step++) {
      drawn.addAll(sides(sampler.draw(3, step, 1)));
    }
    TreeSet<Integer> planned = sides(PlannedDraws.of(objective));
    assertEquals(drawn.first(), planned.first(), "smallest");
    assertEquals(drawn.last(), planned.last(), "largest");
  }

  /** A discriminator that has no room at a quarter is planned where a quarter is never drawn. */
  @Test
  void scalesThatAreNeverDrawnDoNotEndAPlan() throws IOException {
    String[] deep = {
      "model.discriminator.n_layers=2",
      "objective.scaling=isotropic",
      "objective.scale_set=continuous",
      "objective.scale_min=0.75"
    };
    assertTrue(MemoryPlan.of(recipe(deep)).stepBytes() > 0);
    deep[3] = "objective.scale_min=0.25";
    assertThrows(EqvaeException.class, () -> MemoryPlan.of(recipe(deep)));
  }
}
