package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.train.run.RunFolder;
import io.github.eqvae.train.run.RunObserver;
import io.github.eqvae.train.run.TrainingRun;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a generator's losses by time are made of. */
class LossByTimeTest {
  private static final RunObserver SILENT =
      new RunObserver() {
        @Override
        public void say(String text) {}

        @Override
        public void note(String text) {}
      };

  @TempDir private Path folder;
  private Path latents;

  @BeforeEach
  void makeLatents() throws Exception {
    latents = TinyLatents.folder(folder);
  }

  /** Of a run of that many steps; what the workload itself says, too. */
  private record Measured(TimedLosses losses, Map<String, Double> validation) {}

  private Measured measure(LossByTime asked, int steps, String... settings) throws Exception {
    List<String> all = new ArrayList<>(List.of(settings));
    all.add("run.steps=" + steps);
    GeneratorRecipe recipe =
        GeneratorRecipe.parse(TinyLatents.recipe(latents, steps, 100), "tiny", all);
    RunFolder run = new RunFolder(folder.resolve("run" + String.join("", all).hashCode()));
    GeneratorWorkload workload = recipe.workload(SILENT);
    try (TrainingRun<GeneratorTask> training = new TrainingRun<>(recipe, workload, run, SILENT)) {
      training.begin(false);
      training.train();
      training.useAverage();
      return new Measured(workload.losses(training, asked), workload.validate(training.trainer()));
    }
  }

  private static double sum(TimedLosses losses, String name) {
    return losses.rows().stream().mapToDouble(row -> row.values().get(name)).sum();
  }

  @Test
  void theBoundOfADiffusion() throws Exception {
    LossByTime asked = new LossByTime(8, 20, 0);
    TimedLosses losses = measure(asked, 60).losses();
    assertEquals(8, losses.images());
    assertEquals(20, losses.rows().size());
    assertEquals(999, losses.rows().getFirst().time(), "the noisiest step first");
    assertEquals(0, losses.rows().getLast().time());
    assertEquals(
        losses.totals().get("total_bpd"),
        losses.totals().get("prior_bpd") + sum(losses, "vb"),
        1e-12);
    assertTrue(losses.totals().get("prior_bpd") < 1e-3, "nothing is left of the data");
    // A network of 60 steps costs less than one that says 0, whose answer misses all the noise.
    TimedLosses untaught = measure(asked, 1).losses();
    assertTrue(sum(losses, "mse") < 0.9 * sum(untaught, "mse"));
    assertTrue(
        losses.totals().get("total_bpd") < untaught.totals().get("total_bpd"),
        () -> losses.text() + untaught.text());
    TimedLosses other = measure(asked, 60, "samples.batch=3").losses();
    for (int i = 0; i < 20; i++) {
      for (String name : List.of("vb", "xstart_mse", "mse")) {
        double value = losses.rows().get(i).values().get(name);
        assertEquals(value, other.rows().get(i).values().get(name), 1e-4 * Math.abs(value));
      }
    }
    assertTrue(losses.text().contains("xstart_mse"), losses::text);
    assertTrue(losses.json().contains("\"by_time\""), losses::json);
  }

  /** Four parts are the quarters that a run validates. */
  @Test
  void partsOfAPath() throws Exception {
    Measured m = measure(new LossByTime(512, QuarterLosses.COUNT, 0), 10, "model.kind=sit");
    for (int q = 0; q < QuarterLosses.COUNT; q++) {
      assertEquals(
          m.validation().get(QuarterLosses.name(q)), m.losses().rows().get(q).values().get("loss"));
    }
    assertEquals(m.validation().get("loss"), m.losses().totals().get("loss"));
    assertEquals(0.125, m.losses().rows().getFirst().time());
  }

  /** Not that of other latents: a network that was taught finds its own likelier. */
  @Test
  void likelihoodOfAPath() throws Exception {
    LossByTime asked = new LossByTime(8, 2, 6);
    TimedLosses taught = measure(asked, 100, "model.kind=sit").losses();
    TimedLosses untaught = measure(asked, 1, "model.kind=sit").losses();
    double bits = taught.totals().get("bits_per_dimension");
    assertEquals(
        taught.totals().get("log_likelihood"),
        -bits * Math.log(2) * TinyLatents.CHANNELS * TinyLatents.SIDE * TinyLatents.SIDE,
        1e-9);
    assertTrue(bits < untaught.totals().get("bits_per_dimension"), () -> taught.totals() + "");
    TimedLosses other = measure(asked, 100, "model.kind=sit", "samples.batch=3").losses();
    assertEquals(bits, other.totals().get("bits_per_dimension"), 1e-4 * Math.abs(bits));
    assertNotEquals(0, bits);
  }

  @Test
  void whatCannotBeMeasuredIsRefused() {
    assertThrows(EqvaeException.Argument.class, () -> new LossByTime(1, 0, 0));
    EqvaeException none =
        assertThrows(
            EqvaeException.Argument.class,
            () -> measure(new LossByTime(8, 4, 0), 1, "data.validation=0"));
    assertTrue(none.getMessage().contains("data.validation is 0"), none::getMessage);
    EqvaeException path =
        assertThrows(EqvaeException.Argument.class, () -> measure(new LossByTime(8, 4, 5), 1));
    assertTrue(path.getMessage().contains("--likelihood"), path::getMessage);
  }
}
