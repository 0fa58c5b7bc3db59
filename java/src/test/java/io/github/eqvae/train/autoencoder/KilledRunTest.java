package io.github.eqvae.train.autoencoder;

import io.github.eqvae.testing.KilledTraining;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** A run that is killed again and again ends with the bits of one that never was. */
@Execution(ExecutionMode.CONCURRENT)
@Tag("full")
class KilledRunTest {
  private static final int KILLS = KilledTraining.kills(20);
  private static final int STEPS = KILLS * 30;

  /** A run logs every fifth step: one life is at most 50 steps long, some checkpoints. */
  private static final int MOST_LINES = 10;

  @TempDir Path folder;

  @Test
  void killsChangeNothing() throws Exception {
    Path recipe = folder.resolve("tiny.yaml");
    Files.writeString(recipe, TinyRun.recipe(TinyRun.images(folder), STEPS, 20));
    new KilledTraining(folder, recipe, KILLS, MOST_LINES, 8).changesNothing();
  }
}
