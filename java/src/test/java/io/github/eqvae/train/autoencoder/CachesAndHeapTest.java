package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.data.CacheBudget;
import io.github.eqvae.io.HeardNotices;
import io.github.eqvae.train.run.RunObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What pictures and latents are kept in is a part of Java's heap, and never more than half. */
class CachesAndHeapTest {
  @TempDir Path folder;

  private final List<String> said = HeardNotices.listen();

  private AutoencoderRecipe recipe(String... overrides) throws IOException {
    List<String> all = new ArrayList<>(List.of("model.freeze=encoder"));
    all.addAll(Arrays.asList(overrides));
    return AutoencoderRecipe.parse(TinyRun.recipe(TinyRun.images(folder), 1, 1000), "tiny", all);
  }

  /** Said once in a process, so this is one test. */
  @Test
  void moreThanHalfTheHeapIsNotGiven() throws IOException {
    new Datasets(recipe("data.cache_megabytes=1"), (name, cause) -> {});
    assertEquals(List.of(), said);
    long half = CacheBudget.mostOfHeap();
    int most = (int) (half >> 20);
    AutoencoderRecipe both =
        recipe("data.cache_megabytes=" + most, "data.cache_latents_megabytes=" + most);
    new Datasets(both, (name, cause) -> {});
    assertTrue(said.getFirst().contains("cache_latents_megabytes is " + 2 * most), said::toString);
    assertTrue(said.getFirst().contains("-Xmx"), said::toString);
    assertTrue(Datasets.latentsCacheBytes(both.data()) <= half);
    AutoencoderRecipe alone = recipe("data.cache_latents_megabytes=1048576");
    assertEquals(half, Datasets.latentsCacheBytes(alone.data()));
  }

  /** 48 latents of 8×8×4 numbers and a few words: 60 kB. Nothing is said of what fits. */
  @Test
  void latentsThatDoNotFitAreSaid() throws IOException {
    AutoencoderRecipe fits = recipe("data.cache_latents_megabytes=1");
    assertEquals(List.of(), fits.workload(RunObserver.NONE).notes());
    AutoencoderRecipe wide = recipe("data.cache_latents_megabytes=1", "model.embed_dim=256");
    String note = wide.workload(RunObserver.NONE).notes().getFirst();
    assertTrue(
        note.contains("the latents of all 48 images need 7 MB, but the cache may have 1 "), note);
  }
}
