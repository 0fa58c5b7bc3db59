package io.github.eqvae.train;

import static io.github.eqvae.train.RankedTrainingTest.hashes;
import static io.github.eqvae.train.RankedTrainingTest.ranked;
import static io.github.eqvae.train.RankedTrainingTest.train;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.ranks.Overlap;
import io.github.eqvae.testing.NcclStandIn;
import io.github.eqvae.testing.TestRanks;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.TinyRun;
import io.github.eqvae.train.generator.GeneratorRecipe;
import io.github.eqvae.train.generator.TinyLatents;
import io.github.eqvae.train.run.RunnableRecipe;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * R ranks whose GPUs add up through NCCL have the bits of one GPU that accumulates R times as many
 * micro-batches. Here the kernels run on the processor, and a library stands in for NCCL.
 */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64")
class NcclTrainingTest {
  private static final List<String> SHORT =
      List.of("run.device=simt", "run.steps=2", "run.threads=1");

  @TempDir Path folder;
  private @Nullable Path latents;

  private GeneratorRecipe generator(String... more) throws Exception {
    List<String> all = new ArrayList<>(SHORT);
    all.addAll(List.of(more));
    latents = latents == null ? TinyLatents.folder(folder) : latents;
    return GeneratorRecipe.parse(TinyLatents.recipe(latents, 2, 1000), "tiny", all);
  }

  private AutoencoderRecipe autoencoder(String... more) throws Exception {
    List<String> all = new ArrayList<>(SHORT);
    all.add("objective.gan.enabled=false");
    all.addAll(List.of(more));
    return AutoencoderRecipe.parse(TinyRun.recipe(TinyRun.images(folder), 2, 1000), "tiny", all);
  }

  private <T extends Task> Map<String, String> alone(RunnableRecipe<T> recipe) throws Exception {
    train(recipe, folder.resolve("one"), Communicator.alone());
    return hashes(folder.resolve("one"));
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4})
  void aGeneratorHasTheSameBits(int size) throws Exception {
    Map<String, String> one = alone(generator("optimizer.accumulate=" + size));
    try (NcclStandIn standIn = new NcclStandIn()) {
      assertEquals(one, ranked(size, generator("optimizer.accumulate=1"), folder.resolve("ranks")));
      assertTrue(standIn.calls() > 0);
    }
  }

  /** Two micro-batches of each rank: the sum goes on from round to round. */
  @Test
  void roundsHaveTheSameBits() throws Exception {
    Map<String, String> one = alone(generator("optimizer.accumulate=6"));
    try (NcclStandIn _ = new NcclStandIn()) {
      assertEquals(one, ranked(3, generator("optimizer.accumulate=2"), folder.resolve("ranks")));
    }
  }

  /** Where steps are no graphs, buckets are sent while the backward pass runs, in either order. */
  @ParameterizedTest
  @CsvSource({"fixed,2,true", "library,1,true", "library,2,false"})
  void bucketsAreSentWhileBackwardRuns(String order, int accumulate, boolean early)
      throws Exception {
    String[] settings = {
      "run.graphs=off", "run.gradient_order=" + order, "optimizer.accumulate=" + accumulate
    };
    Map<String, String> one = alone(generator("optimizer.accumulate=" + 3 * accumulate));
    GeneratorRecipe recipe = generator(settings);
    Path store = folder.resolve("ranks");
    List<Overlap.Times> times = Collections.synchronizedList(new ArrayList<>());
    try (NcclStandIn _ = new NcclStandIn()) {
      TestRanks.run(3, ranks -> train(recipe, store, ranks, t -> times.add(t.gradientTimes())));
    }
    for (Overlap.Times each : times) {
      assertTrue(each.buckets() >= 2 * 2, each.toString()); // in 2 steps
      assertEquals(early ? each.buckets() : 0, each.early());
    }
    assertEquals(order.equals("fixed"), one.equals(hashes(store)));
  }

  @Tag("full")
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4})
  void anAutoencoderHasTheSameBits(int size) throws Exception {
    Map<String, String> one = alone(autoencoder("optimizer.accumulate=" + size));
    try (NcclStandIn _ = new NcclStandIn()) {
      assertEquals(
          one, ranked(size, autoencoder("optimizer.accumulate=1"), folder.resolve("ranks")));
    }
  }

  /** All ranks have the same weights then, too; saving compares them. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void theLibrarysOrderHasOtherBits(int accumulate) throws Exception {
    String[] library = {"run.gradient_order=library", "optimizer.accumulate=" + accumulate};
    Map<String, String> one = alone(generator("optimizer.accumulate=" + 3 * accumulate));
    try (NcclStandIn _ = new NcclStandIn()) {
      Map<String, String> three = ranked(3, generator(library), folder.resolve("ranks"));
      assertEquals(one.keySet(), three.keySet());
      assertNotEquals(one, three);
      assertEquals(three, ranked(3, generator(library), folder.resolve("again")));
    }
  }

  @Test
  void withoutNcclThereIsNoOrderOfTheLibrary() {
    String said =
        assertThrows(
                EqvaeException.class, // of the first rank, which may have heard it of the other one
                () -> ranked(2, generator("run.gradient_order=library"), folder.resolve("ranks")))
            .getMessage();
    assertTrue(said.contains("without NCCL: use fixed"), said);
  }
}
