package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.data.Loader;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.train.StepReport;
import io.github.eqvae.train.TrainListener;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A whole training, τ, discriminator and optimisers included, on every device: the same losses as
 * on the CPU, and the same bits when repeated.
 */
@Tag("full")
class DevicesAgreeTest {
  /**
   * One step's losses differ by rounding alone; Adam then divides small gradients by their own
   * size, so rounding grows from step to step. Four steps stay far below what any error makes.
   */
  private static final double TOLERANCE = 2e-3;

  /** About 30 results are stored one after another from image to loss, each rounded by 2⁻⁸. */
  private static final double BF16_TOLERANCE = 30 * 0x1p-8;

  private static final int STEPS = 4;

  /** In lower precision only the first step is compared; the others show that bits repeat. */
  private static final int LOWER_PRECISION_STEPS = 3;

  /** Steps that are done twice, to the same bits. */
  private static final int REPEATED = 3;

  @TempDir Path folder;

  static Stream<String> others() {
    return Devices.computing().stream().filter(d -> !d.equals("cpu"));
  }

  private static int steps(String precision) {
    return precision.equals("fp32") ? STEPS : LOWER_PRECISION_STEPS;
  }

  private record Trained(List<Map<String, Double>> losses, Map<String, String> hashes) {}

  private Trained train(List<String> kind, String device, String precision, int ganFrom, int steps)
      throws Exception {
    List<String> settings = new ArrayList<>(kind);
    settings.addAll(
        List.of(
            "run.device=" + device,
            "run.precision=" + precision,
            "data.pad=4",
            "model.resolution=24",
            "objective.scaling=isotropic",
            "objective.gan.disc_start=" + ganFrom,
            "run.batch_size=2"));
    AutoencoderRecipe recipe =
        AutoencoderRecipe.parse(
            TinyRun.recipe(TinyRun.images(folder), steps, REPEATED), "tiny", settings);
    List<Map<String, Double>> losses = new ArrayList<>();
    Path checkpoints = Files.createTempDirectory(folder, "run");
    CheckpointStore store = new CheckpointStore(checkpoints, 2);
    try (Trainer<AutoencoderTask> trainer = new Trainer<>(recipe);
        Loader loader = new Datasets(recipe, (n, c) -> {}).training(0)) {
      trainer.run(
          ImageBatches.of(
              (index, images) ->
                  System.arraycopy(loader.next().pixels(), 0, images, 0, images.length)),
          null,
          store,
          new TrainListener() {
            @Override
            public void step(StepReport report) {
              assertFalse(report.skipped(), () -> report.notes().toString());
              losses.add(new LinkedHashMap<>(report.values()));
            }
          });
    }
    Path repeated = checkpoints.resolve(String.format(Locale.ROOT, "step-%08d", REPEATED));
    return new Trained(losses, TrainerTest.hashes(repeated));
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("others")
  void lossesAreThoseOfTheCpuAndRepeatable(String device) throws Exception {
    agree(List.of(), device, "fp32", 2, 1e-5, TOLERANCE);
  }

  /** Which code is nearest may be a matter of rounding, but is not for this seed. */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("others")
  void soAreADiscreteModels(String device) throws Exception {
    List<String> kind = new ArrayList<>(TinyRun.discrete());
    kind.add("model.attn_resolutions=[12]");
    agree(kind, device, "fp32", 2, 1e-5, TOLERANCE);
  }

  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("others")
  void inBf16TooWithinItsRounding(String device) throws Exception {
    // Adam makes an update of the sign of a gradient, however small: only the first step is
    // comparable.
    agree(List.of(), device, "bf16", 0, BF16_TOLERANCE, Double.POSITIVE_INFINITY);
  }

  /** As in bf16, but a factor is rounded by 2⁻¹¹ and nothing else is. */
  @ParameterizedTest(allowZeroInvocations = true)
  @MethodSource("others")
  void inTf32TooWithinItsRounding(String device) throws Exception {
    agree(List.of(), device, "tf32", 0, BF16_TOLERANCE / 8, Double.POSITIVE_INFINITY);
  }

  /** Factors are rounded by 2⁻⁸, on the processor that is compared. */
  @Test
  void productsInBf16TooWithinTheirRounding() throws Exception {
    agree(List.of(), "cpu", "bf16_products", 0, BF16_TOLERANCE, Double.POSITIVE_INFINITY);
  }

  private void agree(
      List<String> kind,
      String device,
      String precision,
      int ganFrom,
      double firstStep,
      double later)
      throws Exception {
    Trained cpu = train(kind, "cpu", "fp32", ganFrom, steps(precision));
    Trained first = train(kind, device, precision, ganFrom, steps(precision));
    assertEquals(steps(precision), first.losses().size());
    for (int step = 0; step < first.losses().size(); step++) {
      Map<String, Double> expected = cpu.losses().get(step);
      Map<String, Double> actual = first.losses().get(step);
      assertEquals(expected.keySet(), actual.keySet());
      double bound = step == 0 ? firstStep : later;
      for (Map.Entry<String, Double> e : expected.entrySet()) {
        double difference = Math.abs(actual.get(e.getKey()) - e.getValue());
        assertTrue(
            difference <= bound * Math.max(1, Math.abs(e.getValue())),
            e.getKey()
                + " of step "
                + (step + 1)
                + ": "
                + e.getValue()
                + " on the CPU, "
                + actual.get(e.getKey())
                + " on "
                + device);
      }
    }
    assertFalse(!precision.equals("fp32") && first.losses().equals(cpu.losses()));
    Trained second = train(kind, device, precision, ganFrom, REPEATED);
    assertEquals(first.losses().subList(0, REPEATED), second.losses());
    assertEquals(first.hashes(), second.hashes());
  }

  /** The shim is built wherever it can run, so that the kernels are never left untested. */
  @Test
  void theShimIsThere() {
    boolean all = System.getProperty("eqvae.test.devices") == null;
    if (all && System.getProperty("os.arch").equals("amd64")) {
      assertTrue(Devices.computing().contains("simt"), Devices.computing()::toString);
    }
  }
}
