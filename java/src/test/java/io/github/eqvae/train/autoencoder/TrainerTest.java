package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.data.Batch;
import io.github.eqvae.data.Loader;
import io.github.eqvae.nn.Parameter;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.tensor.LeakCheck;
import io.github.eqvae.testing.CheckpointHashes;
import io.github.eqvae.train.BatchSource;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.ParameterGroup;
import io.github.eqvae.train.StepReport;
import io.github.eqvae.train.Task;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class TrainerTest {
  @TempDir Path folder;

  private AutoencoderRecipe recipe(int steps, String... overrides) throws IOException {
    return AutoencoderRecipe.parse(
        TinyRun.recipe(TinyRun.images(folder), steps, 1000), "tiny", List.of(overrides));
  }

  private static ImageBatches batches(Loader loader) {
    return (index, images) -> {
      Batch batch = loader.next();
      assertEquals(index, batch.step());
      System.arraycopy(batch.pixels(), 0, images, 0, images.length);
    };
  }

  /**
   * Trains from step {@code from} (0: new) and returns the hashes of the final checkpoint's parts.
   */
  private Map<String, String> train(AutoencoderRecipe recipe, Path store, List<Double> losses)
      throws Exception {
    CheckpointStore checkpoints = new CheckpointStore(store, 3);
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe)) {
      var latest = checkpoints.latest().checkpoint();
      if (latest.isPresent()) {
        trainer.resume(latest.get());
      }
      Datasets data = new Datasets(recipe, (name, cause) -> {});
      TrainListener listener =
          new TrainListener() {
            @Override
            public void step(StepReport report) {
              losses.add(report.values().get("total"));
            }
          };
      try (Loader loader = data.training(trainer.step() * recipe.optimizer().accumulate())) {
        assertEquals(
            Trainer.End.FINISHED,
            trainer.run(ImageBatches.of(batches(loader)), null, checkpoints, listener));
      }
    }
    return hashes(checkpoints.latest().checkpoint().orElseThrow().directory());
  }

  static Map<String, String> hashes(Path checkpoint) throws Exception {
    return CheckpointHashes.of(checkpoint, 8);
  }

  @Test
  void sameSeedSameBitsOtherSeedOtherBits() throws Exception {
    List<Double> first = new ArrayList<>();
    List<Double> second = new ArrayList<>();
    Map<String, String> a = train(recipe(8), folder.resolve("a"), first);
    Map<String, String> b = train(recipe(8), folder.resolve("b"), second);
    assertEquals(first, second);
    assertEquals(a, b);
    Map<String, String> c = train(recipe(8, "run.seed=6"), folder.resolve("c"), new ArrayList<>());
    assertFalse(c.get("vae.weights").equals(a.get("vae.weights")), "the seed is ignored");
  }

  @Test
  void aFrozenEncoderStays() throws Exception {
    AutoencoderRecipe recipe = recipe(3, "model.freeze=encoder", "optimizer.weight_decay=0.1");
    Map<String, double[]> before = new TreeMap<>();
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe)) {
      Datasets data = new Datasets(recipe, (name, cause) -> {});
      for (Parameter p : trainer.task().vae().parameters().learned()) {
        before.put(p.name(), p.value().toDoubles(trainer.stream()));
      }
      CheckpointStore checkpoints = new CheckpointStore(folder.resolve("frozen"), 3);
      try (Loader loader = data.training(0)) {
        trainer.run(ImageBatches.of(batches(loader)), null, checkpoints, new TrainListener() {});
      }
      for (Parameter p : trainer.task().vae().parameters().learned()) {
        boolean frozen = p.name().matches("(encoder|quant_conv)\\..*");
        boolean same =
            java.util.Arrays.equals(before.get(p.name()), p.value().toDoubles(trainer.stream()));
        assertEquals(frozen, same, p.name());
      }
    }
  }

  /** An alarm of another name would never ring. */
  @Test
  void whatAlarmsWatchIsInTheLog() throws Exception {
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe(1))) {
      AutoencoderTask task = trainer.task();
      assertEquals(
          task.groups().stream().map(ParameterGroup::norm).toList(),
          task.zeroGradients().stream().map(Task.ZeroGradients::norm).toList());
    }
  }

  /** The same batches with the numbers of their pictures, as a run gives them. */
  private static BatchSource numbered(Loader loader) {
    return (index, to) -> {
      Batch batch = loader.next();
      System.arraycopy(batch.pixels(), 0, to.floats("images"), 0, batch.pixels().length);
      System.arraycopy(batch.indices(), 0, to.ints("pictures"), 0, batch.indices().length);
    };
  }

  private static Stream<List<String>> cached() {
    return Stream.of(
        TinyRun.discrete(),
        List.of(
            "objective.draw=sample",
            "objective.scaling=isotropic",
            "objective.scale_set=continuous",
            "objective.scale_min=0.75"),
        List.of("objective.discriminator_forward=shared", "model.ch=32", "run.batch_size=12"));
  }

  /** Latents of 48 pictures, some kept and all kept: the bits are those of encoding every time. */
  @ParameterizedTest
  @MethodSource("cached")
  void keptLatentsHaveTheBitsOfEncodedOnes(List<String> overrides) throws Exception {
    List<String> frozen = new ArrayList<>(overrides);
    frozen.add("model.freeze=encoder");
    List<Double> plain = new ArrayList<>();
    Map<String, String> expected =
        train(recipe(8, frozen.toArray(String[]::new)), folder.resolve("plain"), plain);
    frozen.add("data.cache_latents_megabytes=1");
    AutoencoderRecipe recipe = recipe(8, frozen.toArray(String[]::new));
    List<Double> kept = new ArrayList<>();
    CheckpointStore checkpoints = new CheckpointStore(folder.resolve("kept"), 3);
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe)) {
      Datasets data = new Datasets(recipe, (name, cause) -> {});
      TrainListener listener =
          new TrainListener() {
            @Override
            public void step(StepReport report) {
              kept.add(report.values().get("total"));
            }
          };
      try (Loader loader = data.training(0)) {
        trainer.run(numbered(loader), null, checkpoints, listener);
      }
      assertTrue(trainer.task().encodedOnce() > 0, "no batch was found, so this shows nothing");
    }
    assertEquals(plain, kept);
    assertEquals(expected, hashes(checkpoints.latest().checkpoint().orElseThrow().directory()));
  }

  private static Stream<List<String>> kinds() {
    return Stream.of(
        List.of(),
        List.of("run.threads=2"), // else one: so small a step is faster then
        TinyRun.discrete(),
        List.of(
            "objective.terms.latent_noise=mix",
            "objective.terms.latent_noise_strength=0.5",
            "objective.terms.l2_weight=0.3",
            "objective.terms.charbonnier_weight=0.2",
            "objective.terms.ssim_weight=0.5",
            "objective.terms.spectrum_weight=0.01",
            "objective.scaling=isotropic",
            "objective.scale_set=continuous",
            "objective.scale_min=0.75",
            "objective.translation=1",
            "objective.blend_probability=0.5",
            "model.padding_mode=reflect"));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void resumingGivesTheBitsOfNeverHavingStopped(List<String> kind) throws Exception {
    String[] settings = kind.toArray(String[]::new);
    List<Double> whole = new ArrayList<>();
    Map<String, String> undisturbed = train(recipe(12, settings), folder.resolve("whole"), whole);
    List<Double> parts = new ArrayList<>();
    train(recipe(5, settings), folder.resolve("parts"), parts);
    Map<String, String> resumed = train(recipe(12, settings), folder.resolve("parts"), parts);
    assertEquals(whole, parts);
    assertEquals(undisturbed, resumed);
  }

  @ParameterizedTest
  @Tag("full")
  @MethodSource("kinds")
  void recomputationGivesTheSameBits(List<String> kind) throws Exception {
    List<String> settings = new ArrayList<>(kind);
    Map<String, String> plain =
        train(
            recipe(6, settings.toArray(String[]::new)), folder.resolve("plain"), new ArrayList<>());
    settings.add("run.recompute=block");
    Map<String, String> recomputed =
        train(recipe(6, settings.toArray(String[]::new)), folder.resolve("re"), new ArrayList<>());
    assertEquals(plain, recomputed);
  }

  @Test
  void aCheckpointOfAnotherModelIsRefusedWithReasons() throws Exception {
    train(recipe(2), folder.resolve("run"), new ArrayList<>());
    AutoencoderRecipe wider = recipe(4, "model.ch=16");
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class,
            () -> train(wider, folder.resolve("run"), new ArrayList<>()));
    assertTrue(e.getMessage().contains("vae.weights"), e.getMessage());
  }

  @Test
  void notFiniteStepsAreSkippedCountedAndEndTheRun() throws Exception {
    AutoencoderRecipe recipe = recipe(50, "run.max_consecutive_nonfinite=3");
    List<Long> reported = new ArrayList<>();
    TrainListener listener =
        new TrainListener() {
          @Override
          public void nonFinite(
              long step, HostBatch batch, Map<String, Double> values, Map<String, String> notes) {
            reported.add(step);
          }
        };
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe)) {
      float[] before = trainer.task().vae().parameters().values().toFloats(trainer.stream());
      EqvaeException e =
          assertThrows(
              EqvaeException.class,
              () ->
                  trainer.run(
                      ImageBatches.of((index, images) -> java.util.Arrays.fill(images, Float.NaN)),
                      null,
                      new CheckpointStore(folder.resolve("nan"), 1),
                      listener));
      assertTrue(e.getMessage().contains("learning_rate"), e.getMessage());
      assertEquals(List.of(1L, 2L, 3L), reported);
      assertEquals(3, trainer.skippedUpdates());
      org.junit.jupiter.api.Assertions.assertArrayEquals(
          before, trainer.task().vae().parameters().values().toFloats(trainer.stream()));
    }
  }

  @Test
  void aBadBatchLeavesNoTraceAndIsTheOneThatIsReported() throws Exception {
    AutoencoderRecipe recipe = recipe(4, "objective.gan.disc_start=0");
    List<float[]> reported = new ArrayList<>();
    List<float[]> states = new ArrayList<>();
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe);
        Loader loader = new Datasets(recipe, (n, c) -> {}).training(0)) {
      TrainListener listener =
          new TrainListener() {
            @Override
            public void step(StepReport report) {
              states.add(everything(trainer));
            }

            @Override
            public void nonFinite(
                long step, HostBatch batch, Map<String, Double> values, Map<String, String> notes) {
              assertEquals(3, step);
              reported.add(batch.floats(AutoencoderTask.IMAGES));
            }
          };
      trainer.run(
          ImageBatches.of(
              (index, images) -> {
                System.arraycopy(loader.next().pixels(), 0, images, 0, images.length);
                if (index == 4) { // the first of step 3's two micro-batches
                  images[7] = Float.NaN;
                }
              }),
          null,
          new CheckpointStore(folder.resolve("bad"), 1),
          listener);
    }
    assertEquals(1, reported.size());
    assertTrue(Float.isNaN(reported.getFirst()[7]));
    org.junit.jupiter.api.Assertions.assertArrayEquals(states.get(1), states.get(2));
    for (float v : states.getLast()) {
      assertTrue(Float.isFinite(v));
    }
  }

  /** Weights and buffers of both networks. */
  private static float[] everything(Trainer<AutoencoderTask> trainer) {
    List<Float> all = new ArrayList<>();
    for (ParameterStore store :
        List.of(
            trainer.task().vae().parameters(),
            trainer.task().discriminator().orElseThrow().parameters())) {
      for (Parameter p : store.all()) {
        for (float v : p.value().toFloats(trainer.stream())) {
          all.add(v);
        }
      }
    }
    float[] out = new float[all.size()];
    for (int i = 0; i < out.length; i++) {
      out[i] = all.get(i);
    }
    return out;
  }

  /** The next batch is loaded while a step runs; that it cannot be is not that step's business. */
  @Test
  void aBatchThatCannotBeReadDoesNotTakeTheStepBeforeIt() throws Exception {
    AutoencoderRecipe recipe = recipe(9, "optimizer.accumulate=1");
    List<Long> steps = new ArrayList<>();
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe)) {
      IOException e =
          assertThrows(
              IOException.class,
              () ->
                  trainer.run(
                      ImageBatches.of(
                          (index, images) -> {
                            if (index == 3) {
                              throw new IOException("the disk is gone");
                            }
                          }),
                      null,
                      new CheckpointStore(folder.resolve("gone"), 1),
                      new TrainListener() {
                        @Override
                        public void step(StepReport report) {
                          steps.add(report.step());
                        }
                      }));
      assertEquals("the disk is gone", e.getMessage());
    }
    assertEquals(List.of(1L, 2L, 3L), steps);
  }

  @Test
  @Tag("full")
  void overfittingOneBatchLowersTheLoss() throws Exception {
    AutoencoderRecipe recipe =
        recipe(
            120,
            "run.threads=1",
            "objective.equivariance_probability=0",
            "objective.low_resolution_prior_probability=0",
            "objective.gan.enabled=false");
    List<Double> losses = new ArrayList<>();
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe);
        Loader loader = new Datasets(recipe, (n, c) -> {}).training(0)) {
      float[] batch = loader.next().pixels().clone();
      trainer.run(
          ImageBatches.of((index, images) -> System.arraycopy(batch, 0, images, 0, images.length)),
          null,
          new CheckpointStore(folder.resolve("fit"), 1),
          new TrainListener() {
            @Override
            public void step(StepReport report) {
              losses.add(report.values().get("rec"));
            }
          });
    }
    assertTrue(
        losses.getLast() < 0.3 * losses.getFirst(),
        "from " + losses.getFirst() + " to " + losses.getLast());
  }

  /**
   * Rotations alone; then scales drawn per image, where a batch falls into groups of any size and
   * shape: after the steps in which every one was seen, nothing may be allocated.
   */
  @ParameterizedTest
  @Tag("full")
  @CsvSource({"none, batch, 50", "isotropic, batch, 200", "isotropic, sample, 300"})
  void fiveHundredStepsKeepNativeMemoryConstant(String scaling, String draw, int warm)
      throws Exception {
    AutoencoderRecipe recipe =
        recipe(
            500,
            "run.log_every=1000",
            "run.batch_size=2",
            "run.threads=1", // steps are too small to share
            "data.pad=4",
            "model.resolution=24",
            "objective.scaling=" + scaling,
            "objective.scale_set=quarters",
            "objective.draw=" + draw);
    List<Object> after = new ArrayList<>();
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe);
        Loader loader = new Datasets(recipe, (n, c) -> {}).training(0)) {
      trainer.run(
          ImageBatches.of(batches(loader)),
          null,
          new CheckpointStore(folder.resolve("long"), 1),
          new TrainListener() {
            @Override
            public void step(StepReport report) {
              if (report.step() >= warm && report.step() % 10 == 0) {
                after.add(trainer.memory());
              }
            }
          });
      assertEquals((500 - warm) / 10 + 1, after.size());
      assertEquals(1, after.stream().distinct().count(), "native memory changed: " + after);
    }
    System.gc();
    assertEquals(0, LeakCheck.leaks());
  }
}
