package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** A run whose pictures have changed, or that was moved. */
class RunDataTest extends CliFixture {
  private static final int COUNT_AT = 4;

  /** Seen: another split of a folder with new pictures measured what the run was trained on. */
  @Test
  void aRunIsNotMeasuredOnWhatItWasTrainedOn() throws Exception {
    recipe(2);
    assertEquals(0, run("train", "tiny.yaml", "--out", "run").code());
    assertEquals(
        folder.toRealPath() + "\n", Files.readString(folder.resolve("run/started-in.txt")));
    Path figures = folder.resolve("run/evaluation.json");
    byte[] before = Files.readAllBytes(figures);
    Path images = folder.resolve("images.idx");
    byte[] idx = Files.readAllBytes(images);
    byte[] more = Arrays.copyOf(idx, idx.length + 8 * 256);
    ByteBuffer.wrap(more).putInt(COUNT_AT, ByteBuffer.wrap(idx).getInt(COUNT_AT) + 8);
    Files.write(images, more);
    Outcome refused = run("evaluate", "run");
    assertEquals(1, refused.code(), refused.err());
    assertTrue(refused.err().contains("trained on the others"), refused.err());
    assertTrue(refused.err().contains("--data DIR"), refused.err());
    Outcome chosen = run("evaluate", "run", "--set", "data.validation=15");
    assertEquals(0, chosen.code(), chosen.err());
    assertTrue(Arrays.equals(before, Files.readAllBytes(figures)));
    Files.write(images, idx);
    assertEquals(0, run("evaluate", "run").code());
  }

  /** Seen: taken, written into recipe.yaml, and without any effect. */
  @Test
  void aRunThatHasBegunTakesNoOtherWeights() throws Exception {
    recipe(2);
    assertEquals(0, run("train", "tiny.yaml", "--out", "run").code());
    Outcome o = run("train", "--resume", "run", "--steps=4", "--set", "model.init_from=other.ckpt");
    assertEquals(1, o.code(), o.err());
    assertTrue(o.err().contains("another model.init_from"), o.err());
    String recipe = Files.readString(folder.resolve("run/recipe.yaml"));
    assertTrue(recipe.contains("init_from: null"), recipe);
  }
}
