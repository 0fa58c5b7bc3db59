package io.github.eqvae.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.ranks.Communicator;
import io.github.eqvae.testing.CheckpointHashes;
import io.github.eqvae.testing.TestRanks;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.TinyRun;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.generator.GeneratorRecipe;
import io.github.eqvae.train.generator.TinyLatents;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.RunnableRecipe;
import io.github.eqvae.train.run.Workload;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** R ranks end with the bits of one rank that accumulates R times as many micro-batches. */
class RankedTrainingTest {
  private static final int STEPS = 7;

  /** Of every class in which libraries change their algorithm; the last one holds all. */
  private static final List<Integer> BUCKETS = List.of(1000, 6 << 10, 64 << 10, 4 << 20);

  @TempDir Path folder;
  private Path latents;

  private AutoencoderRecipe autoencoder(String... more) throws Exception {
    List<String> all = new ArrayList<>(List.of("objective.gan.enabled=false", "run.threads=1"));
    all.addAll(List.of(more));
    return AutoencoderRecipe.parse(
        TinyRun.recipe(TinyRun.images(folder), STEPS, 1000), "tiny", all);
  }

  private GeneratorRecipe generator(String... more) throws Exception {
    List<String> all = new ArrayList<>(List.of("run.threads=1"));
    all.addAll(List.of(more));
    latents = latents == null ? TinyLatents.folder(folder) : latents;
    return GeneratorRecipe.parse(TinyLatents.recipe(latents, STEPS, 1000), "tiny", all);
  }

  /** Trains as far as the recipe goes, from the newest checkpoint of the folder if it has one. */
  static <T extends Task> List<Double> train(
      RunnableRecipe<T> recipe, Path store, Communicator ranks) throws Exception {
    return train(recipe, store, ranks, trainer -> {});
  }

  /** Shows the trainer to someone at the end. */
  static <T extends Task> List<Double> train(
      RunnableRecipe<T> recipe, Path store, Communicator ranks, Consumer<Trainer<T>> end)
      throws Exception {
    CheckpointStore checkpoints = new CheckpointStore(store, 3);
    List<Double> losses = new ArrayList<>();
    try (Workload<T> workload = recipe.workload(RunObserver.NONE);
        Trainer<T> trainer = new Trainer<>(recipe, ranks)) {
      var latest = checkpoints.latest().checkpoint();
      if (ranks.isFirst() && latest.isPresent()) {
        trainer.resume(latest.get());
      } else {
        trainer.initialize();
      }
      trainer.broadcast();
      try (Workload.Batches batches = workload.batches(trainer.nextBatch(), ranks.size())) {
        trainer.run(
            batches,
            null,
            checkpoints,
            new TrainListener() {
              @Override
              public void step(StepReport report) {
                losses.add(report.values().get("total"));
              }
            });
      }
      end.accept(trainer);
    }
    return losses;
  }

  static <T extends Task> Map<String, String> ranked(int size, RunnableRecipe<T> recipe, Path store)
      throws Exception {
    return ranked(size, Map.of(), recipe, store);
  }

  private static <T extends Task> Map<String, String> ranked(
      int size, Map<String, String> variables, RunnableRecipe<T> recipe, Path store)
      throws Exception {
    List<List<Double>> losses =
        TestRanks.run(size, variables, ranks -> train(recipe, store, ranks));
    assertEquals(Collections.nCopies(size, losses.getFirst()), losses); // all know the whole
    return hashes(store);
  }

  static Map<String, String> hashes(Path store) throws Exception {
    Path newest = new CheckpointStore(store, 3).latest().checkpoint().orElseThrow().directory();
    return CheckpointHashes.of(newest, 4);
  }

  /** Recipes of one kind with other settings. */
  private interface Recipes {
    RunnableRecipe<?> with(String... more) throws Exception;
  }

  /**
   * One rank that accumulates, against ranks with buckets of all sizes: each run is resumed once,
   * and then has larger buckets.
   */
  private void assertSameBits(int size, Recipes recipes) throws Exception {
    Path store = folder.resolve("one");
    train(recipes.with("optimizer.accumulate=" + size), store, Communicator.alone());
    Map<String, String> one = hashes(store);
    for (int b = 0; b < BUCKETS.size(); b += 2) {
      Path parts = folder.resolve("ranks-" + b);
      for (int part = 0; part < 2; part++) {
        String steps = "run.steps=" + (part == 0 ? STEPS / 2 : STEPS);
        var bucket = Map.of("EQVAE_RANKS_BUCKET", "" + BUCKETS.get(b + part));
        ranked(size, bucket, recipes.with("optimizer.accumulate=1", steps), parts);
      }
      assertEquals(one, hashes(parts), BUCKETS.get(b) + " bytes");
    }
  }

  /** With a τ per sample a parameter is used several times in a micro-batch. */
  @ParameterizedTest
  @CsvSource({"2,sample", "3,sample", "4,sample", "3,batch"})
  void anAutoencoderHasTheSameBits(int size, String draw) throws Exception {
    assertSameBits(
        size,
        more -> {
          List<String> all = new ArrayList<>(List.of(more));
          all.add("objective.draw=" + draw);
          return autoencoder(all.toArray(String[]::new));
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4})
  void aGeneratorHasTheSameBits(int size) throws Exception {
    assertSameBits(size, this::generator);
  }

  /**
   * All ranks together send the gradients once to be added and once to be gathered, to R − 1 ranks
   * each; some of it while the backward pass runs.
   */
  @Test
  void bucketsOfAnySizeSendTheSameBytes() throws Exception {
    GeneratorRecipe recipe = generator("optimizer.accumulate=1");
    for (int bytes : BUCKETS) {
      Path store = folder.resolve("ranks-" + bytes);
      List<long[]> sent =
          TestRanks.run(
              3,
              Map.of("EQVAE_RANKS_BUCKET", "" + bytes),
              ranks -> {
                try (Workload<?> workload = recipe.workload(RunObserver.NONE);
                    var trainer = new Trainer<>(recipe, ranks);
                    Workload.Batches batches = workload.batches(ranks.rank(), 3)) {
                  trainer.broadcast();
                  CheckpointStore checkpoints = new CheckpointStore(store, 3);
                  trainer.run(batches, null, checkpoints, new TrainListener() {});
                  var gradients = trainer.task().groups().getFirst().store().values();
                  var times = trainer.gradientTimes();
                  long buckets = (gradients.bytes() + bytes - 1) / (bytes / 4 * 4);
                  assertEquals(STEPS * buckets, times.buckets());
                  assertEquals(times.buckets(), times.early(), times.toString());
                  assertTrue(times.hidden() <= times.seconds(), times.toString());
                  return new long[] {times.bytes(), gradients.bytes()};
                }
              });
      long all = sent.stream().mapToLong(s -> s[0]).sum();
      assertEquals(STEPS * 2 * (3 - 1) * sent.getFirst()[1], all);
    }
  }

  /** 12 micro-batches to a step, by any number of ranks that divides it, also in turn. */
  @Test
  void ranksMayChangeBetweenResumes() throws Exception {
    train(generator("optimizer.accumulate=12"), folder.resolve("one"), Communicator.alone());
    Path store = folder.resolve("ranks");
    int step = 0;
    for (int size : new int[] {2, 1, 4, 3}) {
      String[] settings = {
        "optimizer.accumulate=" + 12 / size,
        "optimizer.schedule=constant",
        "run.steps=" + (size == 3 ? STEPS : ++step)
      };
      ranked(size, generator(settings), store);
    }
    assertEquals(hashes(folder.resolve("one")), hashes(store));
  }

  /**
   * The CUDA backend's kernels and graphs, on the processor: what ranks exchange is in no graph.
   */
  @Test
  void graphsHaveTheSameBits() throws Exception {
    String device = "run.device=simt";
    train(generator(device, "optimizer.accumulate=2"), folder.resolve("one"), Communicator.alone());
    List<GraphStatistics> graphs = new ArrayList<>();
    GeneratorRecipe recipe = generator(device, "optimizer.accumulate=1");
    TestRanks.run(
        2,
        ranks -> {
          try (Workload<?> workload = recipe.workload(RunObserver.NONE);
              var trainer = new Trainer<>(recipe, ranks);
              Workload.Batches batches = workload.batches(ranks.rank(), 2)) {
            trainer.broadcast();
            CheckpointStore store = new CheckpointStore(folder.resolve("ranks"), 3);
            trainer.run(batches, null, store, new TrainListener() {});
            synchronized (graphs) {
              graphs.add(trainer.graphs());
            }
          }
          return "";
        });
    assertEquals(hashes(folder.resolve("one")), hashes(folder.resolve("ranks")));
    assertTrue(graphs.stream().allMatch(g -> g.launched() > 0), graphs.toString());
  }

  private static Map<String, String> withoutRunningStatistics(Map<String, String> hashes) {
    Map<String, String> rest = new TreeMap<>(hashes);
    assertTrue(rest.keySet().removeIf(k -> k.startsWith("discriminator.buffer")));
    return rest;
  }

  /**
   * Every micro-batch has a batch norm of its own, whichever rank computes it, and the
   * discriminator judges images of the updated autoencoder only. The running statistics are rank
   * 0's.
   */
  @ParameterizedTest
  @CsvSource({"2,sample,separate", "3,batch,separate", "2,batch,shared"})
  void aDiscriminatorHasTheSameBits(int size, String draw, String forward) throws Exception {
    List<String> gan =
        List.of(
            "objective.gan.enabled=true",
            "objective.draw=" + draw,
            "objective.discriminator_forward=" + forward);
    List<Map<String, String>> all = new ArrayList<>();
    for (int ranks : new int[] {1, size}) {
      List<String> more = new ArrayList<>(gan);
      more.add("optimizer.accumulate=" + 2 * size / ranks);
      Path store = folder.resolve("ranks-" + ranks);
      all.add(
          withoutRunningStatistics(ranked(ranks, autoencoder(more.toArray(String[]::new)), store)));
    }
    assertEquals(all.getFirst(), all.getLast());
  }

  /** With synchronised batch norm, too; and it is not the same as the ranks' own. */
  @ParameterizedTest
  @ValueSource(strings = {"per_rank", "synchronised"})
  void aDiscriminatorHasTheSameBitsAfterAResume(String norm) throws Exception {
    String[] gan = {
      "objective.gan.enabled=true", "objective.gan.batch_norm=" + norm, "optimizer.accumulate=1"
    };
    Map<String, String> whole = ranked(3, autoencoder(gan), folder.resolve("whole"));
    assertTrue(whole.keySet().stream().anyMatch(k -> k.startsWith("discriminator.buffer")));
    String[] part = {gan[0], gan[1], gan[2], "run.steps=5", "optimizer.schedule=constant"};
    ranked(3, autoencoder(part), folder.resolve("parts"));
    assertEquals(whole, ranked(3, autoencoder(gan), folder.resolve("parts")));
    if (norm.equals("synchronised")) {
      String[] own = {gan[0], gan[2]};
      assertNotEquals(whole, ranked(3, autoencoder(own), folder.resolve("own")));
    }
  }

  /** If one rank has something that is not finite, all skip, and go on with equal weights. */
  @Test
  void aNonFiniteRankMakesAllSkip() throws Exception {
    GeneratorRecipe recipe = generator("optimizer.accumulate=1");
    List<List<Boolean>> skipped =
        TestRanks.run(
            3,
            ranks -> {
              List<Boolean> skips = new ArrayList<>();
              try (Workload<?> workload = recipe.workload(RunObserver.NONE);
                  var trainer = new Trainer<>(recipe, ranks);
                  Workload.Batches batches = workload.batches(ranks.rank(), 3)) {
                trainer.broadcast();
                trainer.run(
                    (index, batch) -> {
                      batches.load(index, batch);
                      if (index == 3 * 2 + 1) { // of rank 1, in the third step
                        batch.floats("rows")[0] = Float.NaN;
                      }
                    },
                    null,
                    new CheckpointStore(folder.resolve("skipping"), 3),
                    new TrainListener() {
                      @Override
                      public void step(StepReport report) {
                        skips.add(report.skipped());
                      }

                      @Override
                      public void nonFinite(
                          long step,
                          HostBatch batch,
                          Map<String, Double> values,
                          Map<String, String> notes) {
                        assertEquals(3, step);
                        assertTrue(Float.isNaN(batch.floats("rows")[0]), "rank 1's batch");
                      }
                    });
                assertEquals(1, trainer.skippedUpdates());
              }
              return skips;
            });
    List<Boolean> expected = List.of(false, false, true, false, false, false, false);
    assertEquals(Collections.nCopies(3, expected), skipped);
    assertTrue(hashes(folder.resolve("skipping")).size() >= 4);
  }
}
