package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.FolderLock;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** One process at a time in the folder of a run, and nothing changed by what is refused. */
class RunLockTest extends CliFixture {
  private TreeMap<String, List<Byte>> content(String name) throws IOException {
    TreeMap<String, List<Byte>> all = new TreeMap<>();
    Path root = folder.resolve(name);
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        if (!file.endsWith(FolderLock.NAME)) {
          byte[] bytes = Files.readAllBytes(file);
          all.put(root.relativize(file).toString(), new Bytes(bytes));
        }
      }
    }
    return all;
  }

  /** Bytes that can be compared. */
  private static final class Bytes extends java.util.AbstractList<Byte> {
    private final byte[] bytes;

    Bytes(byte[] bytes) {
      this.bytes = bytes;
    }

    @Override
    public Byte get(int i) {
      return bytes[i];
    }

    @Override
    public int size() {
      return bytes.length;
    }
  }

  @Test
  void fewerStepsThanDoneChangeNothing() throws Exception {
    recipe(4);
    assertEquals(0, run("train", "tiny.yaml", "--out", "run").code());
    var before = content("run");
    assertTrue(before.containsKey("model.safetensors"), before.keySet().toString());
    for (String more : List.of("--steps=3", "--set=run.steps=1")) {
      assertUserError(
          run("train", "--resume", "run", more),
          1,
          "run has done 4 steps",
          "is fewer",
          "--steps 8");
      assertUserError(run("train", "--resume", "run", more, "--dry-run"), 1, "has done 4 steps");
      assertEquals(before, content("run"));
    }
    assertEquals(0, run("train", "--resume", "run").code(), "as many steps: evaluated anew");
  }

  @Test
  void oneProcessAtATime() throws Exception {
    recipe(100_000);
    Path err = folder.resolve("first.txt");
    Process child =
        start(List.of("train", "tiny.yaml", "--out", "run"), folder.resolve("out1.txt"), err);
    Path metrics = folder.resolve("run/metrics.jsonl");
    for (int i = 0; i < 1200 && !(Files.exists(metrics) && Files.size(metrics) > 500); i++) {
      Thread.sleep(50);
    }
    String whose = "process " + child.pid() + " on ";
    assertUserError(run("train", "--resume", "run"), 1, "run is in use by", whose);
    assertUserError(run("train", "tiny.yaml", "--out", "run"), 1, "already holds a run");
    child.destroyForcibly(); // kill -9
    assertTrue(child.waitFor(10, TimeUnit.MINUTES));
    assertTrue(Files.size(folder.resolve("run").resolve(FolderLock.NAME)) > 0);
    Outcome o = run("train", "--resume", "run", "--set=run.save_every=0", "--steps=2");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains(whose) && o.err().contains("which has ended"), o.err());
    assertFalse(Files.exists(folder.resolve("run").resolve(FolderLock.NAME)));
  }

  /** Its own report would lie beside figures of another step, or be written over by them. */
  @Test
  void aRunThatGoesOnIsMeasuredButNotWrittenTo() throws Exception {
    recipe(2);
    assertEquals(0, run("train", "tiny.yaml", "--out", "run").code());
    var before = content("run");
    FolderLock live = FolderLock.acquire(folder.resolve("run"), "train", note -> {});
    try {
      Outcome o = run("evaluate", "run", "--set", "evaluation.images=8");
      assertEquals(0, o.code(), o.err());
      assertTrue(o.out().contains("PSNR"), o.out());
      assertTrue(o.out().contains("nothing was written: run is in use by"), o.out());
      assertFalse(o.out().contains("report "), o.out());
      assertEquals(before, content("run"));
    } finally {
      live.close();
    }
    Outcome o = run("evaluate", "run", "--set", "evaluation.images=8");
    assertTrue(o.out().contains("report run/report.html"), o.out() + o.err());
    assertFalse(before.equals(content("run")), "then it is");
  }

  /** A folder in the place of the lock is what even an administrator cannot write. */
  @Test
  void aRunThatCannotBeWrittenToIsMeasured() throws Exception {
    recipe(2);
    assertEquals(0, run("train", "tiny.yaml", "--out", "run").code());
    Files.createDirectory(folder.resolve("run").resolve(FolderLock.NAME));
    var before = content("run");
    Outcome o = run("evaluate", "run", "--json", "kept.json");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("PSNR"), o.out());
    assertTrue(o.out().contains("nothing was written into run: "), o.out());
    assertTrue(Files.size(folder.resolve("kept.json")) > 100);
    assertEquals(before, content("run"));
    Outcome more = run("train", "--resume", "run", "--set", "run.steps=4");
    assertUserError(more, 1, "run/" + FolderLock.NAME + ": ");
    assertFalse(more.err().contains("Exception"), more.err());
  }

  /** A run whose folder another machine took over stops, and leaves the other's lock. */
  @Test
  void whoLostItsFolderStops() throws Exception {
    recipe(100_000);
    Path err = folder.resolve("first.txt");
    Process child =
        start(List.of("train", "tiny.yaml", "--out", "run"), folder.resolve("out1.txt"), err);
    Path metrics = folder.resolve("run/metrics.jsonl");
    for (int i = 0; i < 1200 && !(Files.exists(metrics) && Files.size(metrics) > 500); i++) {
      Thread.sleep(50);
    }
    Path file = folder.resolve("run").resolve(FolderLock.NAME);
    String other = Files.readString(file).replaceAll("\"host\":\"[^\"]*\"", "\"host\":\"n17\"");
    Files.writeString(file, other);
    boolean ended = child.waitFor(10, TimeUnit.MINUTES);
    child.destroyForcibly();
    assertTrue(ended, "it goes on");
    assertEquals(1, child.exitValue());
    String said = Files.readString(err);
    assertTrue(said.contains("run was taken over by") && said.contains("on n17"), said);
    assertEquals(other, Files.readString(file));
  }

  /** Seen: samples of the run became pictures to train on when it was continued. */
  @Test
  void aRunAmongItsPictures() throws Exception {
    recipe(2);
    Path pictures = Files.createDirectories(folder.resolve("pics"));
    for (int i = 0; i < 4; i++) {
      byte[] pixels = new byte[32 * 32];
      new Random(i).nextBytes(pixels);
      Images.writePng(pictures.resolve(i + ".png"), new Image(32, 32, 1, pixels));
    }
    String[] of = {
      "--set=data.path=pics",
      "--set=data.kind=image_folder",
      "--set=data.pad=0",
      "--set=data.validation=1",
      "--set=run.batch_size=2"
    };
    List<String> all = new ArrayList<>(List.of("train", "tiny.yaml", "--out", "pics/runs/a"));
    all.addAll(List.of(of));
    for (String more : new String[] {"--dry-run", "--steps=2"}) {
      List<String> command = new ArrayList<>(all);
      command.add(more);
      assertUserError(
          run(command.toArray(String[]::new)), 1, "lies in data.path pics", "with --out");
    }
    assertFalse(Files.exists(folder.resolve("pics/runs")));
    all.set(3, "a");
    assertEquals(0, run(all.toArray(String[]::new)).code());
    Files.move(folder.resolve("a"), folder.resolve("pics/a"));
    assertUserError(run("train", "--resume", "pics/a", "--steps=3"), 1, "Move it");
    Files.move(folder.resolve("pics/a"), folder.resolve("a"));
    assertEquals(0, run("train", "--resume", "a", "--steps=3").code());
  }

  /** Seen: a run on all data went on with one batch, and the other way round. */
  @Test
  void oneBatchOrAll() throws Exception {
    recipe(2);
    assertEquals(0, run("train", "tiny.yaml", "--out", "all").code());
    assertEquals(0, run("train", "tiny.yaml", "--out", "one", "--overfit-batch").code());
    assertUserError(
        run("train", "--resume", "all", "--steps=3", "--overfit-batch"), 1, "all of its data");
    assertUserError(run("train", "--resume", "one", "--steps=3"), 1, "add --overfit-batch");
    assertEquals(0, run("train", "--resume", "one", "--steps=3", "--overfit-batch").code());
  }

  /** A refusal before the start leaves no folder. */
  @Test
  void nothingIsLeftOfWhatDidNotBegin() throws Exception {
    recipe(2);
    Files.writeString(folder.resolve("other.ckpt"), "no model");
    Outcome o = run("train", "tiny.yaml", "--out", "run", "--set", "model.init_from=other.ckpt");
    assertEquals(1, o.code(), o.err());
    assertFalse(Files.exists(folder.resolve("run")));
  }
}
