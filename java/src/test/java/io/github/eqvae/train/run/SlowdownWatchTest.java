package io.github.eqvae.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.tensor.DType;
import io.github.eqvae.tensor.DeviceInfo;
import io.github.eqvae.train.log.RunLog;
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

  private final class Scripted implements SlowdownMeter.Measures {
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

  private static DeviceInfo cpu(int threads) {
    return new DeviceInfo("cpu", "", threads, 0, 0, DType.F32, true, false, 0, false);
  }

  /** Steps of 20 s each, in which this process computed so much of one processor's time. */
  private void steps(SlowdownWatch watch, int first, int count, double share) throws IOException {
    for (int i = first; i < first + count; i++) {
      seconds += 20;
      own += 20 * share;
      watch.step(i, 8);
    }
  }

  private RunObserver listener() {
    return new RunObserver() {
      @Override
      public void note(String text) {
        said.append(text).append('\n');
      }
    };
  }

  private List<Map<String, Object>> watched(DeviceInfo device) throws IOException {
    Path file = folder.resolve("metrics.jsonl");
    try (RunLog log = new RunLog(file, 0)) {
      SlowdownWatch watch =
          new SlowdownWatch(log, listener(), new SlowdownMeter(device, new Scripted()));
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
    List<Map<String, Object>> lines = watched(cpu(1));
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
    assertEquals(List.of(), watched(DeviceInfo.expected("cuda")));
    assertEquals("", said.toString());
  }

  /**
   * Seen: with two threads for each core the library computes with half as many as there are
   * processors, which was taken for half of what it could use.
   */
  @Test
  void allThreadsOfTheDeviceAreAllItCouldUse() throws IOException {
    int processors = Runtime.getRuntime().availableProcessors();
    int threads = Math.max(1, processors / 2);
    others = 0.3;
    try (RunLog log = new RunLog(folder.resolve("metrics.jsonl"), 0)) {
      SlowdownMeter meter = new SlowdownMeter(cpu(threads), new Scripted());
      steps(new SlowdownWatch(log, listener(), meter), 1, 3, threads);
    }
    assertEquals("", said.toString());
  }

  /** And of more threads than processors, no more than there are processors. */
  @Test
  void moreThreadsThanProcessorsCouldNotUseMore() throws IOException {
    int processors = Runtime.getRuntime().availableProcessors();
    others = 0.3;
    try (RunLog log = new RunLog(folder.resolve("metrics.jsonl"), 0)) {
      SlowdownMeter meter = new SlowdownMeter(cpu(2 * processors), new Scripted());
      steps(new SlowdownWatch(log, listener(), meter), 1, 3, processors);
    }
    assertEquals("", said.toString());
  }
}
