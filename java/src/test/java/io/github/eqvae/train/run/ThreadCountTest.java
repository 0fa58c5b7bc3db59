package io.github.eqvae.train.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.TinyRun;
import io.github.eqvae.train.recipe.RunRecipe;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ThreadCountTest {
  private static RunRecipe run(String... settings) {
    return AutoencoderRecipe.parse(TinyRun.recipe(Path.of("x"), 1, 1), "test", List.of(settings))
        .run();
  }

  @Test
  void moreThanThereAreAreSaidAndFarMoreRefused() {
    assertEquals(Optional.empty(), ThreadCount.check(run(), 2));
    assertEquals(Optional.empty(), ThreadCount.check(run("run.threads=2"), 2));
    String note = ThreadCount.check(run("run.threads=3"), 2).orElseThrow();
    assertTrue(note.contains("run.threads is 3, and there are 2 processors"), note);
    assertTrue(ThreadCount.check(run("run.threads=16"), 2).isPresent());
    EqvaeException e =
        assertThrows(
            EqvaeException.Argument.class, () -> ThreadCount.check(run("run.threads=17"), 2));
    assertTrue(e.getMessage().contains("at most 16"), e.getMessage());
    assertEquals(Optional.empty(), ThreadCount.check(run("run.threads=99", "run.device=cuda"), 2));
  }
}
