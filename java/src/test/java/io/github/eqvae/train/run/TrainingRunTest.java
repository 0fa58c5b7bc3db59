package io.github.eqvae.train.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.AtomicFiles;
import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Image;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.Devices;
import io.github.eqvae.testing.RecordingObserver;
import io.github.eqvae.train.HostBatch;
import io.github.eqvae.train.ToyTask;
import io.github.eqvae.train.Trainer;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.recipe.OptimizerRecipe;
import io.github.eqvae.train.recipe.RecipeFields;
import io.github.eqvae.train.recipe.RecipeKind;
import io.github.eqvae.train.recipe.RecipeNode;
import io.github.eqvae.train.recipe.RecipeProblems;
import io.github.eqvae.train.recipe.RecipeReader;
import io.github.eqvae.train.recipe.RecipeYaml;
import io.github.eqvae.train.recipe.RunRecipe;
import io.github.eqvae.train.recipe.SettingChange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A kind of training that no code in main knows goes the whole way, from recipe to results. */
class TrainingRunTest {
  @TempDir Path temporary;

  private final List<String> said = new ArrayList<>();
  private final RunObserver observer = new RecordingObserver(said);

  private record ToyRecipe(RunRecipe run, OptimizerRecipe optimizer)
      implements RunnableRecipe<ToyTask> {
    static final RecipeKind<ToyRecipe> KIND = new RecipeKind<>("toy", ToyRecipe::read);

    static ToyRecipe read(RecipeNode.Section root) {
      RecipeProblems problems = new RecipeProblems(root);
      RecipeFields in = RecipeFields.root(root, problems);
      in.text(RecipeKind.KEY, "toy", "toy", "toy"::equals);
      ToyRecipe recipe =
          new ToyRecipe(
              RunRecipe.read(in.section("run")), OptimizerRecipe.read(in.section("optimizer")));
      problems.addUnknownKeys();
      problems.throwIfAny();
      return recipe;
    }

    static ToyRecipe of(String... overrides) {
      List<String> all =
          new ArrayList<>(
              List.of(
                  "run.steps=6",
                  "run.save_every=2",
                  "run.validate_every=2",
                  "run.sample_every=3",
                  "run.log_every=1",
                  "optimizer.learning_rate=0.05"));
      all.addAll(Arrays.asList(overrides));
      return RecipeReader.parse("task: toy\n", "toy", all, List.of(KIND));
    }

    private Map<String, Object> map() {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put(RecipeKind.KEY, KIND.task());
      map.put("run", run.toMap());
      map.put("optimizer", optimizer.toMap());
      return map;
    }

    @Override
    public RecipeKind<ToyRecipe> kind() {
      return KIND;
    }

    @Override
    public String toYaml() {
      return RecipeYaml.print(map());
    }

    @Override
    public Map<String, String> settings() {
      return SettingChange.flatten(map());
    }

    @Override
    public boolean mayChange(String key) {
      return !key.equals("run.seed");
    }

    @Override
    public List<String> warnings() {
      return List.of();
    }

    @Override
    public ToyTask task(Stream stream, boolean planned) {
      return new ToyTask(stream, optimizer, run.seed());
    }

    @Override
    public Workload<ToyTask> workload(RunObserver observer) {
      return new ToyWorkload();
    }
  }

  /** y = x₀ − 2x₁ + 3. */
  private static final class ToyWorkload implements Workload<ToyTask> {
    @Override
    public String describe() {
      return "as many samples as are asked for";
    }

    @Override
    public List<String> heldOutNames() {
      return List.of("first", "second");
    }

    @Override
    public Batches batches(long first, int every) {
      return new Batches() {
        private long next = first;

        @Override
        public void load(long index, HostBatch batch) {
          assertEquals(next++, index);
          float[] x = batch.floats("x");
          Random random = new Random(index);
          for (int i = 0; i < x.length; i++) {
            x[i] = 2 * random.nextFloat() - 1;
          }
          for (int n = 0; n < ToyTask.SAMPLES; n++) {
            batch.floats("y")[n] = x[n * ToyTask.FEATURES] - 2 * x[n * ToyTask.FEATURES + 1] + 3;
          }
        }

        @Override
        public void close() {}
      };
    }

    @Override
    public Map<String, Double> validate(Trainer<ToyTask> trainer) {
      float[] w = trainer.task().store.values().toFloats(trainer.stream());
      return Map.of("distance", Math.abs(w[0] - 1.0) + Math.abs(w[1] + 2.0));
    }

    @Override
    public List<Metric> metrics() {
      return List.of(new Metric("distance", "distance", false));
    }

    @Override
    public Optional<Image> sample(Trainer<ToyTask> trainer) {
      return Optional.of(new Image(1, 1, 1, new byte[1]));
    }

    @Override
    public void saveModel(
        Trainer<ToyTask> trainer, RunFolder folder, Path file, Map<String, String> more)
        throws IOException {
      float[] w = trainer.task().store.values().toFloats(trainer.stream());
      AtomicFiles.write(file, more + " " + Arrays.toString(w));
    }

    @Override
    public String finish(TrainingRun<ToyTask> run) throws IOException {
      AtomicFiles.write(run.folder().report(), "<p>done");
      return "all is well\n";
    }
  }

  private RunFolder folder(String name) {
    return new RunFolder(temporary.resolve(name));
  }

  private String train(ToyRecipe recipe, RunFolder folder, boolean resume) throws IOException {
    try (TrainingRun<ToyTask> run = TrainingRun.open(recipe, folder, observer)) {
      run.begin(resume);
      assertEquals(Trainer.End.FINISHED, run.train());
      return run.finish();
    }
  }

  @Test
  void aRunLeavesAllItsFiles() throws IOException {
    RunFolder folder = folder("whole");
    String summary = train(ToyRecipe.of("run.best_metric=distance"), folder, false);
    assertTrue(summary.startsWith("all is well\nbest   "), summary);
    assertTrue(summary.endsWith("report " + folder.report() + "\nmodel  " + folder.model()));
    assertEquals("first\nsecond\n", Files.readString(folder.heldOut()));
    assertTrue(Files.readString(folder.model()).contains("eqvae.step=6"));
    assertTrue(Files.readString(folder.best()).contains("eqvae.distance="));
    assertTrue(Files.exists(folder.samples().resolve("step-00000006.png")));
    List<Object> events =
        RunLog.read(folder.metrics()).stream().map(line -> line.get("event")).toList();
    assertEquals(6, events.stream().filter("step"::equals).count(), events.toString());
    assertEquals(3, events.stream().filter("validation"::equals).count(), events.toString());
    assertTrue(said.contains("as many samples as are asked for"), said.toString());
    assertFalse(Files.exists(folder.path().resolve(FolderLock.NAME)), "it still holds the folder");
  }

  /** The settings of the log are the new ones, the bits those of a run that never stopped. */
  @Test
  void aRunGoesOnWithItsBits() throws IOException {
    train(ToyRecipe.of(), folder("whole"), false);
    train(ToyRecipe.of("run.steps=4"), folder("parts"), false);
    RunFolder parts = folder("parts");
    RunnableRecipe<?> longer = parts.resumedRecipe(List.of("run.steps=6"), List.of(ToyRecipe.KIND));
    train((ToyRecipe) longer, parts, true);
    for (String file : List.of("toy.weights", "toy.adam_m", "toy.adam_v")) {
      Path at = Path.of("step-00000006", file);
      assertArrayEquals(
          Files.readAllBytes(folder("whole").checkpoints().resolve(at)),
          Files.readAllBytes(parts.checkpoints().resolve(at)),
          file);
    }
    assertTrue(said.contains("recipe.yaml has changed: [run.steps 4 -> 6]"), said.toString());
    assertTrue(Files.readString(parts.recipe()).contains("steps: 6"));
  }

  @Test
  void whatMayNotChangeIsRefused() throws IOException {
    RunFolder folder = folder("run");
    train(ToyRecipe.of(), folder, false);
    assertThrows(
        EqvaeException.Argument.class,
        () -> folder.resumedRecipe(List.of("run.seed=1"), List.of(ToyRecipe.KIND)));
    // Seen: only the command line asked. A library's user may bring any recipe.
    EqvaeException other =
        assertThrows(
            EqvaeException.Argument.class,
            () -> train(ToyRecipe.of("run.steps=8", "run.seed=1"), folder, true));
    assertTrue(other.getMessage().contains("run.seed 0 -> 1"), other.getMessage());
    EqvaeException taken =
        assertThrows(EqvaeException.class, () -> train(ToyRecipe.of(), folder, false));
    assertTrue(taken.getMessage().contains("already holds a run"), taken.getMessage());
    Files.writeString(folder.heldOut(), "other\n");
    EqvaeException held =
        assertThrows(EqvaeException.class, () -> train(ToyRecipe.of(), folder, true));
    assertTrue(held.getMessage().contains("held out 1 image of"), held.getMessage());
  }

  /** The same sample every time: ToyWorkload hears of batch 0 only. */
  @Test
  void oneBatchCanBeOverfitted() throws IOException {
    RunFolder folder = folder("one");
    try (TrainingRun<ToyTask> run =
        TrainingRun.open(
                ToyRecipe.of("run.steps=200", "run.save_every=0", "run.validate_every=0"),
                folder,
                observer)
            .overfitBatch(true)) {
      run.begin(false);
      run.train();
    }
    List<Map<String, Object>> steps =
        RunLog.read(folder.metrics()).stream().filter(l -> "step".equals(l.get("event"))).toList();
    double first = ((Number) steps.getFirst().get("total")).doubleValue();
    double last = ((Number) steps.getLast().get("total")).doubleValue();
    assertTrue(last < first / 20, first + " to " + last);
    assertFalse(Files.exists(folder.model()), "it was not finished");
  }

  static List<String> devices() {
    return Devices.computing();
  }

  /** Without the asking there is no table; with it the run writes the same. */
  @ParameterizedTest
  @MethodSource("devices")
  void aProfileIsPrintedIfAskedForAndChangesNothing(String device) throws IOException {
    ToyRecipe recipe = ToyRecipe.of("run.device=" + device);
    train(recipe, folder("plain"), false);
    assertFalse(said.toString().contains("profile of"), said.toString());
    System.setProperty("eqvae.profile", "1");
    try {
      train(recipe, folder("profiled"), false);
    } finally {
      System.clearProperty("eqvae.profile");
    }
    List<String> tables = said.stream().filter(s -> s.contains("\nprofile of ")).toList();
    assertEquals(1, tables.size(), said.toString());
    String table = tables.getFirst().replaceAll(" +", " ");
    for (String row : List.of("linear 6 ", "loss_bwd 6 ", "linear_bwd_weight 6 ", "adam 6 ")) {
      assertTrue(table.contains("\n" + row), table);
    }
    assertArrayEquals(
        Files.readAllBytes(folder("plain").model()),
        Files.readAllBytes(folder("profiled").model()));
    assertEquals(logged("plain"), logged("profiled"));
  }

  /** What is in the log, without what depends on the clock or on graphs. */
  private List<String> logged(String name) throws IOException {
    return RunLog.read(folder(name).metrics()).stream()
        .map(line -> line.get("event") + " " + line.get("total") + " " + line.keySet())
        .toList();
  }
}
