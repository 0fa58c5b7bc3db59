package io.github.eqvae.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.nn.AdamSettings;
import io.github.eqvae.nn.Init;
import io.github.eqvae.nn.ParameterStore;
import io.github.eqvae.op.Activation;
import io.github.eqvae.op.Add;
import io.github.eqvae.op.Conv2d;
import io.github.eqvae.op.Linear;
import io.github.eqvae.op.PackedWeights;
import io.github.eqvae.tape.Tape;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Shape;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.tensor.Tensor;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeNode;
import io.github.eqvae.train.recipe.RecipeProblems;
import io.github.eqvae.train.recipe.RunRecipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The engine trains a task it has never heard of: resumes, plans, captures and skips. */
class EngineTest {
  @TempDir Path folder;

  private record ToyRecipe(RunRecipe run, OptimizerRecipe optimizer)
      implements TrainingRecipe<NoisyTask> {
    static ToyRecipe of(String device, long steps) {
      Map<String, Object> run =
          Map.of("steps", steps, "ema_decay", 0.9, "device", device, "save_every", 0, "keep", 1);
      Map<String, Object> optimizer =
          Map.of("learning_rate", 0.05, "accumulate", 2, "gradient_clip", 0.5);
      return new ToyRecipe(RunRecipe.read(fields(run)), OptimizerRecipe.read(fields(optimizer)));
    }

    private static RecipeFields fields(Map<String, Object> values) {
      RecipeNode.Section root =
          (RecipeNode.Section) RecipeNode.of(values, new RecipeNode.Origin("toy", 0));
      return RecipeFields.root(root, new RecipeProblems(root));
    }

    @Override
    public String toYaml() {
      return "task: toy\n";
    }

    @Override
    public NoisyTask task(Stream stream, boolean planned) {
      return new NoisyTask(stream, this);
    }
  }

  /** The toy with all that a task may have beside: scalars, integers, names, decays of weights. */
  private static final class NoisyTask extends ToyTask {
    private final ToyRecipe recipe;
    private int[] firstLabels = {};

    NoisyTask(Stream stream, ToyRecipe recipe) {
      super(stream, recipe.optimizer(), recipe.run().seed());
      this.recipe = recipe;
    }

    @Override
    protected ParameterGroup group() {
      AdamSettings adam = new AdamSettings(0.9, 0.99, 1e-8, 0.01, true);
      double rate = recipe.optimizer().learningRate();
      return new ParameterGroup(
          "toy",
          "regression",
          store,
          adam,
          rate,
          true,
          1,
          "norm",
          p -> p.name().equals("weight") ? 0.01 : 0);
    }

    @Override
    public BatchShape batch() {
      List<BatchShape.Field> fields = new ArrayList<>(super.batch().fields());
      fields.add(BatchShape.Field.integers("labels", SAMPLES));
      return new BatchShape(SAMPLES, fields);
    }

    @Override
    public int scalars() {
      return 1;
    }

    @Override
    public void scalars(MicroBatch at, double[] values) {
      values[0] = at.index(); // what the noise is drawn with
    }

    @Override
    protected LossReport learn(StepContext c) {
      Tensor noise = c.arena().tensor(Shape.of(SAMPLES, FEATURES));
      noise.normal(c.stream(), recipe.run().seed(), 7, c.scalar(0), 0, 0.01);
      Tape tape = new Tape(c.stream(), c.arena(), Tape.Mode.INFERENCE);
      Tensor x = tape.apply(new Add(), noise, c.input("x"));
      Map<String, Tensor> batch = Map.of("x", x, "y", c.input("y"));
      return super.learn(
          new StepContext(c.stream(), c.arena(), c.mode(), batch, c.scalars(), c.report()));
    }

    @Override
    public boolean initialize(StepContext context) {
      firstLabels = context.input("labels").toInts(context.stream());
      return false;
    }
  }

  /** A network of one matrix that its operation reads packed. */
  private static final class PackingTask extends ToyTask {
    final ParameterStore packing;
    private final OptimizerRecipe optimizer;

    PackingTask(Stream stream, OptimizerRecipe optimizer) {
      super(stream, optimizer, 1);
      ParameterStore.Builder builder = new ParameterStore.Builder();
      builder.root().weight(new Conv2d(1, 0), "packed", Init.torchDefault(3), 5, 3);
      builder.root().weight(new Linear(Activation.IDENTITY), "plain", Init.torchDefault(3), 5, 3);
      packing = builder.build(stream, 1, true);
      this.optimizer = optimizer;
    }

    @Override
    protected ParameterGroup group() {
      return ParameterGroup.of("toy", packing, optimizer, 1);
    }

    @Override
    public void close() {
      super.close();
      store.close();
    }
  }

  /** Which weights are packed is said by what reads them; the engine knows no layer. */
  @ParameterizedTest
  @ValueSource(strings = {"auto", "off"})
  void weightsArePackedForWhateverReadsThemSo(String packed) throws Exception {
    Map<String, Object> run =
        Map.of("steps", 1, "device", "simt", "precision", "bf16", "packed_weights", packed);
    ToyRecipe recipe =
        new ToyRecipe(
            RunRecipe.read(ToyRecipe.fields(run)),
            OptimizerRecipe.read(ToyRecipe.fields(Map.of("learning_rate", 0.05))));
    try (Device device = Device.open("simt");
        Stream stream = new Stream(device);
        PackingTask task = new PackingTask(stream, recipe.optimizer())) {
      new TrainState(recipe, task, stream);
      assertNull(task.packing.get("plain").packed());
      Tensor copy = task.packing.get("packed").packed();
      assertEquals("auto".equals(packed), copy != null);
      if (copy != null) {
        assertEquals(PackedWeights.elements(Shape.of(5, 3, 1, 1)), copy.shape().elements());
        Tensor f32 = task.packing.like(stream).narrow(0, 0, 3);
        copy.narrow(0, 0, 3).copyTo(stream, f32);
        float[] values = task.packing.get("packed").value().toFloats(stream);
        float[] first = f32.toFloats(stream);
        for (int i = 0; i < 3; i++) {
          assertEquals(values[i], first[i], Math.abs(values[i]) / 256);
        }
      }
    }
  }

  /** y = x₀ − 2x₁ + 3. */
  private static void load(long index, HostBatch batch) {
    float[] x = batch.floats("x");
    Random random = new Random(index);
    for (int i = 0; i < x.length; i++) {
      x[i] = 2 * random.nextFloat() - 1;
    }
    for (int n = 0; n < ToyTask.SAMPLES; n++) {
      batch.floats("y")[n] = x[n * ToyTask.FEATURES] - 2 * x[n * ToyTask.FEATURES + 1] + 3;
      batch.ints("labels")[n] = (int) (index + n);
    }
  }

  private record Trained(
      List<String> losses, float[] weights, MemoryPlan plan, long peak, GraphStatistics graphs) {}

  private Trained train(ToyRecipe recipe, String name, BatchSource batches) throws Exception {
    List<String> losses = new ArrayList<>();
    CheckpointStore store = new CheckpointStore(folder.resolve(name), 1);
    try (Trainer<NoisyTask> trainer = new Trainer<>(recipe)) {
      var latest = store.latest().checkpoint();
      if (latest.isPresent()) {
        trainer.resume(latest.get());
      }
      trainer.run(
          batches,
          null,
          store,
          new TrainListener() {
            @Override
            public void step(StepReport report) {
              losses.add(report.skipped() + " " + report.values());
              assertEquals(2 * ToyTask.SAMPLES, report.samples());
            }
          });
      if (latest.isEmpty()) {
        assertArrayEquals(new int[] {0, 1, 2, 3}, trainer.task().firstLabels);
      }
      trainer.useAverage();
      float[] weights = trainer.task().store.values().toFloats(trainer.stream());
      return new Trained(
          losses, weights, trainer.plan(), trainer.memory().peakBytes(), trainer.graphs());
    }
  }

  static List<String> devices() {
    return Devices.computing();
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aTaskTrainsResumesAndIsPlannedAndCaptured(String device) throws Exception {
    Trained whole = train(ToyRecipe.of(device, 300), "whole", EngineTest::load);
    assertEquals(300, whole.losses().size());
    assertEquals(1, whole.weights()[0], 0.1);
    assertEquals(-2, whole.weights()[1], 0.1);
    Trained first = train(ToyRecipe.of(device, 120), "parts", EngineTest::load);
    Trained rest = train(ToyRecipe.of(device, 300), "parts", EngineTest::load);
    List<String> parts = new ArrayList<>(first.losses());
    parts.addAll(rest.losses());
    assertEquals(whole.losses(), parts);
    assertArrayEquals(whole.weights(), rest.weights());
    try (Device opened = Device.open(device)) {
      boolean captures = opened.info().graphs();
      assertEquals(captures, whole.graphs().captured() > 0, whole.graphs()::toString);
      assertEquals(captures, whole.graphs().launched() >= 250, whole.graphs()::toString);
    }
    assertEquals(Map.of("regression", 4L), whole.plan().parameters());
    assertEquals("any", whole.plan().largest());
    assertTrue(whole.plan().stepBytes() > 0);
    if (whole.plan().scratchBytes() > 0) {
      assertEquals(whole.plan().deviceBytes(), whole.peak(), whole.plan()::text);
    }
  }

  @Test
  void whatIsNotFiniteIsSkippedAndEndsTheRunWithItsOwnError() throws Exception {
    BatchSource bad =
        (index, batch) -> {
          load(index, batch);
          if (index >= 20) {
            batch.floats("x")[1] = Float.NaN;
          }
        };
    EqvaeException.Diverged e =
        assertThrows(
            EqvaeException.Diverged.class, () -> train(ToyRecipe.of("cpu", 100), "bad", bad));
    assertTrue(e.getMessage().contains("the last 10 updates"), e.getMessage());
  }

  /** Events of a run whose disk is full, or whose folder belongs to someone else by now. */
  private record Broken(long step, boolean mayNotSave) implements TrainListener {
    @Override
    public void step(StepReport report) throws IOException {
      if (report.step() == step) {
        throw new IOException("no space left");
      }
    }

    @Override
    public void saving(long at) throws IOException {
      if (mayNotSave) {
        throw new IOException("taken over");
      }
    }
  }

  private IOException endsEarly(String name, BatchSource batches, TrainListener listener)
      throws Exception {
    CheckpointStore store = new CheckpointStore(folder.resolve(name), 1);
    try (Trainer<NoisyTask> trainer = new Trainer<>(ToyRecipe.of("cpu", 40))) {
      return assertThrows(IOException.class, () -> trainer.run(batches, null, store, listener));
    }
  }

  /** What was trained before a file could not be read or written is in a checkpoint. */
  @Test
  void stepsBeforeAnErrorAreSaved() throws Exception {
    Trained whole = train(ToyRecipe.of("cpu", 40), "whole", EngineTest::load);

    IOException full = endsEarly("listener", EngineTest::load, new Broken(17, false));
    assertEquals("no space left", full.getMessage());
    Trained rest = train(ToyRecipe.of("cpu", 40), "listener", EngineTest::load);
    assertEquals(40 - 17, rest.losses().size());
    assertArrayEquals(whole.weights(), rest.weights());

    BatchSource unreadable =
        (index, batch) -> {
          if (index == 2 * 25) { // the first micro-batch of step 26
            throw new IOException("stale file handle");
          }
          load(index, batch);
        };
    endsEarly("data", unreadable, new TrainListener() {});
    rest = train(ToyRecipe.of("cpu", 40), "data", EngineTest::load);
    assertEquals(40 - 25, rest.losses().size());
    assertArrayEquals(whole.weights(), rest.weights());

    IOException taken = endsEarly("other", EngineTest::load, new Broken(17, true));
    assertEquals("no space left", taken.getMessage());
    assertEquals("taken over", taken.getSuppressed()[0].getMessage());
    assertTrue(new CheckpointStore(folder.resolve("other"), 1).latest().checkpoint().isEmpty());
  }
}
