package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.train.autoencoder.AutoencoderRecipe;
import io.github.eqvae.train.autoencoder.TinyRun;
import io.github.eqvae.train.log.RunLog;
import io.github.eqvae.train.recipe.RecipeException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The best model of a run and its early end. */
class BestModelTest extends CliFixture {
  private static List<Double> validations(Path run, String key) throws Exception {
    return RunLog.read(run.resolve("metrics.jsonl")).stream()
        .filter(line -> "validation".equals(line.get("event")))
        .map(line -> ((Number) line.get(key)).doubleValue())
        .toList();
  }

  /** A rate of nearly nothing: no validation is better than the first. */
  @Test
  void aRunThatGetsNoBetterEndsAndIsFinished() throws Exception {
    recipe(100);
    Outcome o =
        run(
            "train",
            "tiny.yaml",
            "--out=run",
            "--set=optimizer.learning_rate=1e-30",
            "--set=run.validate_every=2",
            "--set=run.best_metric=psnr",
            "--set=run.early_stop=2");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("ended at step 6: 2 validations in a row"), o.err());
    Path run = folder.resolve("run");
    assertTrue(Files.exists(run.resolve("report.html")), "it is a finished run");
    assertEquals(3, validations(run, "psnr").size());
    try (SafetensorsFile best = SafetensorsFile.open(run.resolve("model-best.safetensors"))) {
      assertEquals("2", best.metadata().get("eqvae.step"));
    }
    assertTrue(o.out().contains("model-best.safetensors (step 2, psnr "), o.out());
    assertTrue(o.err().contains("about the last 10 updates (run.ema_decay 0.9)"), o.err());
  }

  /** Its weights are numbers, but what it makes of pictures is none: such a run has failed. */
  @Test
  void aRunWhoseFiguresAreNoNumbersFails() throws Exception {
    recipe(4);
    Outcome o =
        run(
            "train",
            "tiny.yaml",
            "--out=run",
            "--set=optimizer.learning_rate=1e30",
            "--set=objective.gan.enabled=false",
            "--set=run.ema_decay=null");
    assertUserError(o, 1, "are not finite (NaN)");
    assertTrue(Files.exists(folder.resolve("run/report.html")), "to see where it diverged");
  }

  /** To resume it by mistake must not replace its result. */
  @Test
  void aRunThatEndedEarlyGoesOnOnlyWithOtherSettings() throws Exception {
    recipe(100);
    String[] first = {
      "train",
      "tiny.yaml",
      "--out=run",
      "--set=optimizer.learning_rate=1e-30",
      "--set=run.validate_every=2",
      "--set=run.best_metric=psnr",
      "--set=run.early_stop=1"
    };
    Outcome o = run(first);
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("ended at step 4: 1 validation was no better"), o.err());
    Path run = folder.resolve("run");
    byte[] model = Files.readAllBytes(run.resolve("model.safetensors"));
    String log = Files.readString(run.resolve("metrics.jsonl"));
    for (String[] same :
        new String[][] {{}, {"--set=evaluation.images=8", "--set=run.threads=1"}}) {
      List<String> line = new ArrayList<>(List.of("train", "--resume=run"));
      line.addAll(List.of(same));
      o = run(line.toArray(String[]::new));
      assertEquals(0, o.code(), o.err());
      assertTrue(o.err().contains("not trained on, only evaluated"), o.err());
      assertTrue(o.err().contains("train --resume run --set run.early_stop=2"), o.err());
      assertTrue(o.out().contains("model-best.safetensors (step 2, psnr "), o.out());
      assertArrayEquals(model, Files.readAllBytes(run.resolve("model.safetensors")));
      assertEquals(log, Files.readString(run.resolve("metrics.jsonl")));
      assertFalse(Files.exists(run.resolve("model-before-resume.safetensors")));
    }
    o = run("train", "--resume=run", "--set=run.early_stop=2");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("ended at step 6: 2 validations in a row were"), o.err());
    o = run("train", "--resume=run", "--steps=90");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.err().contains("ended at step 10: 2 validations in a row were"), o.err());
    o = run("train", "--resume=run");
    assertTrue(o.err().contains("this run ended at step 10"), o.err());
  }

  @Test
  void theBestIsKeptOverAResume() throws Exception {
    recipe(4);
    String[] settings = {"--set=run.validate_every=1", "--set=run.best_metric=rotation_error"};
    Outcome o = run("train", "tiny.yaml", "--out=run", settings[0], settings[1]);
    assertEquals(0, o.code(), o.err());
    o = run("train", "--resume=run", "--steps=7");
    assertEquals(0, o.code(), o.err());
    Path run = folder.resolve("run");
    List<Double> all = validations(run, "rotation_error_90");
    assertEquals(7, all.size());
    int best = all.indexOf(all.stream().min(Double::compare).orElseThrow());
    try (SafetensorsFile file = SafetensorsFile.open(run.resolve("model-best.safetensors"))) {
      assertEquals(Integer.toString(best + 1), file.metadata().get("eqvae.step"), all.toString());
      double told = Double.parseDouble(file.metadata().get("eqvae.rotation_error"));
      assertEquals(all.get(best), told);
    }
    o = run("inspect", "run/model-best.safetensors");
    assertEquals(0, o.code(), o.err());
  }

  @Test
  void whatCannotBeMeasuredIsRefused() {
    for (String[] wrong :
        new String[][] {
          {"run.best_metric=pnsr", "expected one of none, psnr, ssim"},
          {"run.early_stop=3", "say by which metric"},
          {"run.best_metric=psnr run.validate_every=0", "at the end only"},
          {"run.best_metric=psnr data.validation=0", "nothing is held out"},
        }) {
      RecipeException e =
          assertThrows(
              RecipeException.class,
              () ->
                  AutoencoderRecipe.parse(
                      TinyRun.recipe(Path.of("x"), 1, 1), "test", List.of(wrong[0].split(" "))));
      assertTrue(e.getMessage().contains(wrong[1]), e.getMessage());
    }
  }
}
