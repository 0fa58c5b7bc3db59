package io.github.eqvae.train.autoencoder;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.train.checkpoint.CheckpointStore;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that is killed again and again ends with the bits of one that never was. */
@Tag("full")
class KilledRunTest {
  private static final int KILLS = 20;
  private static final int STEPS = 3000;

  /** A run logs every fifth step: one life is at most 250 steps long, some checkpoints. */
  private static final int MOST_LINES = 50;

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
    if (!child.waitFor(4, TimeUnit.MINUTES)) {
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

  /** What was logged of each step, without what depends on the clock. */
  private static List<String> losses(Path run) throws IOException {
    List<String> out = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      JsonNode node = new ObjectMapper().readTree(line);
      if (node.has("total")) {
        out.add(node.get("step") + " " + node.get("total"));
      }
    }
    return out;
  }

  private static Map<String, String> last(Path run) throws Exception {
    return TrainerTest.hashes(
        new CheckpointStore(run.resolve("checkpoints"), 2)
            .latest()
            .checkpoint()
            .orElseThrow()
            .directory());
  }

  private static FileTime modified(Path file) throws IOException {
    return Files.exists(file) ? Files.getLastModifiedTime(file) : FileTime.fromMillis(0);
  }

  private static long lines(Path file) throws IOException {
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
    Files.writeString(recipe, TinyRun.recipe(TinyRun.images(folder), STEPS, 60));
    Path calm = folder.resolve("calm");
    long began = System.nanoTime();
    Process undisturbed = start("train", recipe.toString(), "--out", calm.toString());
    while (!Files.exists(calm.resolve("metrics.jsonl")) && undisturbed.isAlive()) {
      Thread.sleep(5);
    }
    long startup = System.nanoTime() - began;
    finish(undisturbed);

    Path killed = folder.resolve("killed");
    Random random = new Random(20);
    int kills = 0;
    int midway = 0;
    while (kills < KILLS) {
      boolean begun = Files.exists(killed.resolve("recipe.yaml"));
      Process child =
          begun
              ? start("train", "--resume", killed.toString())
              : start("train", recipe.toString(), "--out", killed.toString());
      // Some die while they start, most after so many lines of the log, however slow the machine is
      // just now; together they get about two thirds of the way.
      if (kills % 5 == 4) {
        Thread.sleep((long) (random.nextDouble() * startup * 1e-6));
      } else {
        Path metrics = killed.resolve("metrics.jsonl");
        FileTime before = modified(metrics);
        while (child.isAlive() && modified(metrics).equals(before)) {
          Thread.sleep(5);
        }
        long end = lines(metrics) + random.nextInt(MOST_LINES);
        while (child.isAlive() && lines(metrics) < end) {
          Thread.sleep(5);
        }
      }
      assertTrue(child.isAlive(), () -> "ended before it was killed often enough:\n" + output());
      child.destroyForcibly();
      assertEquals(128 + 9, child.waitFor(), "not SIGKILL");
      kills++;
      midway += Files.exists(killed.resolve("checkpoints")) ? 1 : 0;
    }
    assertTrue(midway >= KILLS / 2, "only " + midway + " kills came after the first checkpoint");
    finish(start("train", "--resume", killed.toString()));

    assertEquals(last(calm), last(killed));
    assertEquals(losses(calm), losses(killed));
  }
}
