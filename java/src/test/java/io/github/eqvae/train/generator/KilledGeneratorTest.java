package io.github.eqvae.train.generator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.github.eqvae.train.checkpoint.CheckpointStore;
import io.github.eqvae.train.log.RunLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A generator's run that is killed again and again ends with the bits of one that never was. */
@Tag("full")
class KilledGeneratorTest {
  private static final int KILLS = 20;
  private static final int STEPS = 6000;

  /** A run logs every fifth step: one life is at most 500 steps long, some checkpoints. */
  private static final int MOST_LINES = 100;

  @TempDir Path folder;

  private Process start(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-Xss4m"));
    command.add("-Deqvae.native.dir=" + System.getProperty("eqvae.native.dir"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add("io.github.eqvae.cli.Main");
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("OMP_NUM_THREADS", "1"); // the test shares the machine
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("out.txt").toFile()));
    return builder.start();
  }

  private void finish(Process child) throws Exception {
    if (!child.waitFor(6, TimeUnit.MINUTES)) {
      child.destroyForcibly();
      fail("the child does not end:\n" + output());
    }
    assertEquals(0, child.exitValue(), () -> output());
  }

  private String output() {
    try {
      String text = Files.readString(folder.resolve("out.txt"));
      return text.substring(Math.max(0, text.length() - 2000));
    } catch (IOException e) {
      return e.toString();
    }
  }

  /** What was logged of each step and validation, without what depends on the clock. */
  private static List<String> losses(Path run) throws IOException {
    List<String> out = new ArrayList<>();
    for (Map<String, Object> line : RunLog.read(run.resolve("metrics.jsonl"))) {
      if (line.containsKey("total") || "validation".equals(line.get("event"))) {
        out.add(line.get("step") + " " + line.get("total") + " " + line.get("loss"));
      }
    }
    return out;
  }

  private static Map<String, String> last(Path run) throws Exception {
    return Hashes.of(
        new CheckpointStore(run.resolve("checkpoints"), 2)
            .latest()
            .checkpoint()
            .orElseThrow()
            .directory());
  }

  private static long lines(Path file) throws IOException {
    if (!Files.exists(file)) {
      return 0;
    }
    byte[] bytes = Files.readAllBytes(file);
    long lines = 0;
    for (byte b : bytes) {
      lines += b == '\n' ? 1 : 0;
    }
    return lines;
  }

  @Test
  void twentyKillsChangeNothing() throws Exception {
    Path recipe = folder.resolve("tiny.yaml");
    Files.writeString(
        recipe,
        TinyLatents.recipe(TinyLatents.folder(folder), STEPS, 60).replace("y: 10", "y: 50"));
    Path calm = folder.resolve("calm");
    finish(start("train", recipe.toString(), "--out", calm.toString()));
    Path killed = folder.resolve("killed");
    Random random = new Random(21);
    int midway = 0;
    for (int kills = 0; kills < KILLS; kills++) {
      boolean begun = Files.exists(killed.resolve("recipe.yaml"));
      Process child =
          begun
              ? start("train", "--resume", killed.toString())
              : start("train", recipe.toString(), "--out", killed.toString());
      Path metrics = killed.resolve("metrics.jsonl");
      // Some die while they start, most after so many more lines of the log.
      long end = lines(metrics) + (kills % 5 == 4 ? 0 : 1 + random.nextInt(MOST_LINES));
      if (kills % 5 == 4) {
        Thread.sleep(random.nextInt(1500));
      }
      while (child.isAlive() && lines(metrics) < end) {
        Thread.sleep(2);
      }
      assertTrue(child.isAlive(), () -> "ended before it was killed often enough:\n" + output());
      child.destroyForcibly();
      assertEquals(128 + 9, child.waitFor(), "not SIGKILL");
      midway += Files.exists(killed.resolve("checkpoints")) ? 1 : 0;
    }
    assertTrue(midway >= KILLS / 2, "only " + midway + " kills came after the first checkpoint");
    finish(start("train", "--resume", killed.toString()));
    assertEquals(last(calm), last(killed));
    assertEquals(losses(calm), losses(killed));
  }
}
