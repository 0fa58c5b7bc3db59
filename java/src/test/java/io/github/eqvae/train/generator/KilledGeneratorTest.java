package io.github.eqvae.train.generator;

import io.github.eqvae.testing.KilledTraining;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** A generator's run that is killed again and again ends with the bits of one that never was. */
@Execution(ExecutionMode.CONCURRENT)
@Tag("full")
class KilledGeneratorTest {
  private static final int KILLS = KilledTraining.kills(6);
  private static final int STEPS = KILLS * 50;

  /** A run logs every fifth step: one life is at most 80 steps long, some checkpoints. */
  private static final int MOST_LINES = 16;

  @TempDir Path folder;

  @Test
  void killsChangeNothing() throws Exception {
    Path recipe = folder.resolve("tiny.yaml");
    Files.writeString(
        recipe,
        TinyLatents.recipe(TinyLatents.folder(folder), STEPS, 20).replace("y: 10", "y: 50"));
    new KilledTraining(folder, recipe, KILLS, MOST_LINES, 4).changesNothing();
  }
}
