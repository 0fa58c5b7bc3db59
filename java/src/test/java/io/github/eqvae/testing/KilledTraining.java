package io.github.eqvae.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.github.eqvae.train.log.RunLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;

/**
 * A training that is killed again and again, beside one that never is.
 *
 * @param folder where both are
 * @param recipe what is trained
 * @param kills how often it is killed
 * @param mostLines of the log that one life writes at most
 * @param files of weights, moments and averages in a checkpoint, at least
 */
public record KilledTraining(Path folder, Path recipe, int kills, int mostLines, int files) {
  private static final int MINUTES = 6;

  /**
   * How often a test kills: the value of {@code -Deqvae.kills=N}, if there is one.
   *
   * @param otherwise how often without it
   * @return the number
   */
  public static int kills(int otherwise) {
    return Integer.getInteger("eqvae.kills", otherwise);
  }

  /** Both end with the same bits, and have logged the same losses. */
  public void changesNothing() throws Exception {
    Path calm = folder.resolve("calm");
    QuickStart java = new QuickStart(folder);
    Path metrics = calm.resolve("metrics.jsonl");
    long began = System.nanoTime();
    Process undisturbed = start(java.first(begin(calm)));
    while (!Files.exists(metrics) && undisturbed.isAlive()) {
      Thread.sleep(5);
    }
    long startup = System.nanoTime() - began;
    finish(undisturbed);
    Path killed = folder.resolve("killed");
    kill(java, killed, startup);
    finish(start(java.again(resume(killed))));
    assertEquals(CheckpointHashes.latest(calm, files), CheckpointHashes.latest(killed, files));
    assertEquals(losses(calm), losses(killed));
  }

  private void kill(QuickStart java, Path run, long startup) throws Exception {
    Random random = new Random(20);
    Path metrics = run.resolve("metrics.jsonl");
    int midway = 0;
    for (int k = 0; k < kills; k++) {
      boolean begun = Files.exists(run.resolve("recipe.yaml"));
      long before = lines(metrics);
      Process child = start(java.again(begun ? resume(run) : begin(run)));
      if (k % 5 == 4) { // while it starts
        long until = System.nanoTime() + (long) (random.nextDouble() * startup);
        while (System.nanoTime() < until && lines(metrics) == before) {
          Thread.sleep(2);
        }
      } else { // after so many more lines, however slow the machine is just now
        long end = before + 1 + random.nextInt(mostLines);
        while (child.isAlive() && lines(metrics) < end) {
          Thread.sleep(2);
        }
      }
      assertTrue(child.isAlive(), () -> "ended before it was killed often enough:\n" + output());
      child.destroyForcibly();
      assertEquals(128 + 9, child.waitFor(), "not SIGKILL");
      midway += Files.exists(run.resolve("checkpoints")) ? 1 : 0;
    }
    assertTrue(midway >= kills / 2, "only " + midway + " kills came after the first checkpoint");
  }

  private List<String> begin(Path run) {
    return List.of("train", recipe.toString(), "--out", run.toString());
  }

  private static List<String> resume(Path run) {
    return List.of("train", "--resume", run.toString());
  }

  private Process start(List<String> command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("OMP_NUM_THREADS", "1"); // the test shares the machine
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("out.txt").toFile()));
    return builder.start();
  }

  private void finish(Process child) throws InterruptedException {
    if (!child.waitFor(MINUTES, TimeUnit.MINUTES)) {
      child.destroyForcibly();
      fail("the child does not end:\n" + output());
    }
    assertEquals(0, child.exitValue(), this::output);
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
    assertTrue(out.size() > 10, "losses that were logged: " + out);
    return out;
  }

  private static long lines(Path file) throws IOException {
    if (!Files.exists(file)) {
      return 0;
    }
    long lines = 0;
    for (byte b : Files.readAllBytes(file)) {
      lines += b == '\n' ? 1 : 0;
    }
    return lines;
  }
}
