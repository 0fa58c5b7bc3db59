package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** {@code inspect} and {@code convert} of generators. */
class GeneratorFilesTest extends CliFixture {
  @Test
  void aTrainingOfOthersBecomesAFileThatSaysAll() throws Exception {
    String file =
        Path.of(getClass().getResource("/io/github/eqvae/generator/dit-training.pt").toURI())
            .toString();
    assertUserError(run("inspect", file), 1, "--heads N");
    Outcome converted = run("convert", file, "a.safetensors", "--to", "dit", "--heads", "2");
    assertEquals(0, converted.code(), converted.err());
    assertTrue(converted.err().contains("took the averaged weights (ema)"), converted.err());
    Outcome shown = run("inspect", "a.safetensors");
    assertEquals(0, shown.code(), shown.err());
    for (String part :
        new String[] {
          "3 channels, 4×4",
          "16, 2, 2",
          "3 and none",
          "DiT: 1,000 linear steps, epsilon, variance learned range",
          "15,368 in 32 tensors, F32",
          "can be run    yes"
        }) {
      assertTrue(shown.out().contains(part), shown.out());
    }
    assertUserError(run("convert", file, "b.ckpt", "--to", "compvis"), 1, "--to dit");
  }
}
