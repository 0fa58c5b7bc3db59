package io.github.eqvae.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.TinyRun;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.recipe.RunRecipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** When the watch looks, what it leaves out, and where it says what it saw. */
class SlowdownWatchTest {
  @TempDir Path folder;

  private final StringBuilder said = new StringBuilder();
  private double seconds;
  private double own;
  private double others;

  private final class Scripted implements SlowdownWatch.Measures {
    @Override
    public long nanos() {
      return (long) (seconds * 1e9);
    }

    @Override
    public double own() {
      return own;
    }

    @Override
    public Supplier<OptionalDouble> others() {
      return () -> OptionalDouble.of(others);
    }
  }

  private static RunRecipe run(String device) {
    return AutoencoderRecipe.parse(
            TinyRun.recipe(Path.of("x"), 1000, 1),
            "test",
            List.of("run.threads=1", "run.device=" + device))
        .run();
  }

  /** Steps of 20 s each, in which this process computed so much of one processor's time. */
  private void steps(SlowdownWatch watch, int first, int count, double share) throws IOException {
    for (int i = first; i < first + count; i++) {
      seconds += 20;
      own += 20 * share;
      watch.step(i, 8);
    }
  }

  private List<Map<String, Object>> watched(String device) throws IOException {
    Path file = folder.resolve(device + ".jsonl");
    RunObserver observer =
        new RunObserver() {
          @Override
          public void note(String text) {
            said.append(text).append('\n');
          }
        };
    try (RunLog log = new RunLog(file, 0)) {
      SlowdownWatch watch = new SlowdownWatch(run(device), log, observer, new Scripted());
      steps(watch, 1, 2, 1);
      others = 0.6;
      seconds += 14; // too short to be judged
      watch.step(3, 8);
      watch.begin();
      steps(watch, 4, 3, 0.4);
      others = 0;
      steps(watch, 7, 1, 1);
      others = 0.6;
      steps(watch, 8, 2, 0.4);
    }
    return RunLog.read(file);
  }

  @Test
  void aBusyMachineIsSaidOnceAndLoggedEachTimeItBegins() throws IOException {
    List<Map<String, Object>> lines = watched("cpu");
    assertEquals(
        List.of(4L, 8L), lines.stream().map(line -> line.get("step")).toList(), lines.toString());
    assertTrue(lines.stream().allMatch(line -> "slow".equals(line.get("event"))), lines.toString());
    assertEquals(1, said.toString().lines().count(), said.toString());
    assertTrue(said.toString().startsWith("other programs take 60 %"), "" + said);
    assertTrue(said.toString().contains("gets 40 % of what it could use"), "" + said);
  }

  /** There the processors do little. */
  @Test
  void aRunOnAnotherDeviceIsNotWatched() throws IOException {
    assertEquals(List.of(), watched("cuda"));
    assertEquals("", said.toString());
  }
}
