package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.data.Loader;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.train.GraphStatistics;
import io.github.eqvae.train.StepReport;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Steps that are launched as graphs give the bits of steps that run operation by operation: with a
 * learning rate, bias corrections, a moving average's decay and noise that change from step to
 * step, several τ, a step that is not finite, and a resume in the middle. A number that a capture
 * froze would show. In bf16 the optimiser's packed weights are part of that: the bits are those of
 * calls that pack.
 */
class TrainingGraphsTest {
  private static final int STEPS = 8;
  private static final int BAD_BATCH = 5;
  private static final int RESUMED_AT = 5;

  @TempDir Path folder;

  private record Trained(
      List<String> losses, Map<String, String> hashes, long captured, long launched) {}

  static Stream<List<String>> kinds() {
    List<String> continuous = List.of("optimizer.accumulate=1", "optimizer.gradient_clip=0.5");
    List<String> discrete = new ArrayList<>(TinyRun.discrete());
    discrete.addAll(
        List.of(
            "model.attn_resolutions=[]",
            "optimizer.accumulate=2",
            "objective.discriminator_forward=shared"));
    List<List<String>> kinds = new ArrayList<>();
    if (Devices.computing().contains("simt")) {
      kinds.add(on("simt", continuous));
      kinds.add(on("simt", discrete));
      kinds.add(on("simt:1", List.of("optimizer.accumulate=1", "run.precision=bf16")));
    }
    if (Devices.computing().contains("cuda")) {
      kinds.add(on("cuda", continuous));
      kinds.add(on("cuda", discrete));
      kinds.add(on("cuda", List.of("optimizer.accumulate=1", "run.precision=bf16")));
    }
    return kinds.stream();
  }

  private static List<String> on(String device, List<String> settings) {
    List<String> all = new ArrayList<>(settings);
    all.add("run.device=" + device);
    return all;
  }

  private Trained train(List<String> kind, String graphs, int steps, String name) throws Exception {
    return train(kind, List.of("run.graphs=" + graphs), steps, name);
  }

  private Trained train(List<String> kind, List<String> how, int steps, String name)
      throws Exception {
    List<String> settings =
        new ArrayList<>(
            List.of(
                "run.batch_size=1",
                "model.ch=4",
                "model.norm_num_groups=2",
                "model.discriminator.ndf=4",
                "objective.scaling=isotropic",
                "objective.scale_set=quarters",
                "objective.rotations=[90]",
                "objective.gan.disc_start=2",
                "objective.equivariance_probability=0.4",
                "objective.low_resolution_prior_probability=0",
                "optimizer.schedule=warmup",
                "optimizer.warmup_steps=20",
                "data.pad=4",
                "model.resolution=24"));
    settings.addAll(kind);
    settings.addAll(how);
    AutoencoderRecipe recipe =
        AutoencoderRecipe.parse(
            TinyRun.recipe(TinyRun.images(folder), steps, 1000), "tiny", settings);
    List<String> losses = new ArrayList<>();
    CheckpointStore store = new CheckpointStore(folder.resolve(name), 1);
    int accumulate = recipe.optimizer().accumulate();
    GraphStatistics statistics;
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe)) {
      var latest = store.latest().checkpoint();
      if (latest.isPresent()) {
        trainer.resume(latest.get());
      }
      try (Loader loader =
          new Datasets(recipe, (n, c) -> {}).training(trainer.step() * accumulate)) {
        trainer.run(
            ImageBatches.of(
                (index, images) -> {
                  System.arraycopy(loader.next().pixels(), 0, images, 0, images.length);
                  if (index == BAD_BATCH) {
                    images[5] = Float.POSITIVE_INFINITY;
                  }
                }),
            null,
            store,
            new TrainListener() {
              @Override
              public void step(StepReport report) {
                losses.add(
                    report.skipped() + " " + report.notes().get("tau") + " " + report.values());
              }
            });
      }
      statistics = trainer.graphs();
    }
    return new Trained(
        losses,
        TrainerTest.hashes(store.latest().checkpoint().orElseThrow().directory()),
        statistics.captured(),
        statistics.launched());
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @Tag("full")
  @MethodSource("kinds")
  void launchedStepsHaveTheBitsOfSingleOperations(List<String> kind) throws Exception {
    Trained eager = train(kind, "off", STEPS, "eager");
    assertEquals(0, eager.captured());
    assertEquals(1, eager.losses().stream().filter(l -> l.startsWith("true")).count());
    Trained graphs = train(kind, "auto", STEPS, "graphs");
    // τ of these eight steps come up a third time once for each network, where it draws its own.
    assertTrue(graphs.captured() > 0 && graphs.launched() >= 2, graphs::toString);
    assertEquals(eager.losses(), graphs.losses());
    assertEquals(eager.hashes(), graphs.hashes());
    boolean bf16 = kind.contains("run.precision=bf16");
    if (bf16) {
      Trained packing =
          train(kind, List.of("run.graphs=off", "run.packed_weights=off"), STEPS, "packing");
      assertEquals(packing.losses(), graphs.losses());
      assertEquals(packing.hashes(), graphs.hashes());
    }
    if (bf16 || kind.equals(kinds().findFirst().orElseThrow())) {
      resume(kind, eager);
    }
  }

  private void resume(List<String> kind, Trained whole) throws Exception {
    Trained first = train(kind, "auto", RESUMED_AT, "parts");
    Trained rest = train(kind, "auto", STEPS, "parts");
    List<String> parts = new ArrayList<>(first.losses());
    parts.addAll(rest.losses());
    assertEquals(whole.losses(), parts);
    assertEquals(whole.hashes(), rest.hashes());
  }
}
