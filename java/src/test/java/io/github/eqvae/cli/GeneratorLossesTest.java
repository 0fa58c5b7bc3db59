package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.train.generator.TinyLatents;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** {@code evaluate} of a generator's run. */
class GeneratorLossesTest extends CliFixture {
  @Test
  void lossesByTime() throws Exception {
    Path latents = TinyLatents.folder(folder);
    Files.writeString(folder.resolve("tiny.yaml"), TinyLatents.recipe(latents, 6, 3));
    Outcome train =
        run("train", "tiny.yaml", "--out", "run", "--device", "cpu", "--set", "model.kind=sit");
    assertEquals(0, train.code(), train.err());
    String before = Files.readString(folder.resolve("run/evaluation.json"));
    Outcome o =
        run(
            "evaluate",
            "run",
            "--times",
            "5",
            "--latents",
            "4",
            "--likelihood",
            "2",
            "--json",
            "a.json",
            "--device",
            "cpu");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("4 held-out latents, the average (EMA) of step 6"), o.out());
    assertTrue(o.out().contains("bits_per_dimension"), o.out());
    JsonNode json = new ObjectMapper().readTree(folder.resolve("a.json").toFile());
    JsonNames.assertSnakeCase("losses", json);
    assertEquals(5, json.path("by_time").size());
    assertEquals(0.1, json.path("by_time").path(0).path("time").asDouble());
    assertEquals(before, Files.readString(folder.resolve("run/evaluation.json")));
    Outcome raw = run("evaluate", "run", "--times", "5", "--weights", "model", "--device", "cpu");
    assertTrue(raw.out().contains("the weights as last trained of step 6"), raw.out());
    Outcome wrong = run("evaluate", "run", "--data", ".");
    assertEquals(1, wrong.code(), wrong.err());
    assertTrue(wrong.err().contains("the run of a generator"), wrong.err());
    Outcome none = run("evaluate", "nothing", "--times", "5");
    assertTrue(none.err().contains("are for the folder of a generator's run"), none.err());
  }

  /** Seen: trained to the end without a best model, or among the latents; or nothing was named. */
  @Test
  void whatCannotBeMeantIsSaidBeforeTheFirstStep() throws Exception {
    Path latents = TinyLatents.folder(folder);
    Files.writeString(folder.resolve("tiny.yaml"), TinyLatents.recipe(latents, 6, 3));
    String[][] wrong = {
      {"run.best_metric=fid", "run.best_metric fid: this run measures loss"},
      {"run.early_stop=2", "run.early_stop: 2 without run.best_metric"},
      {"run.best_metric=loss", "run.validate_every is 0", "run.validate_every=0"},
      {"run.best_metric=loss", "nothing is held out", "data.validation=0"}
    };
    for (String[] w : wrong) {
      List<String> command =
          new ArrayList<>(List.of("train", "tiny.yaml", "--out", "run", "--set", w[0]));
      if (w.length > 2) {
        command.addAll(List.of("--set", w[2]));
      }
      assertUserError(run(command.toArray(String[]::new)), 1, w[1]);
      assertFalse(Files.exists(folder.resolve("run")), w[0]);
    }
    assertUserError(
        run("train", "tiny.yaml", "--out", latents.toString()),
        1,
        "the folder of the run, lies in");
    assertFalse(Files.exists(latents.resolve("recipe.yaml")));
    Path run = Files.createDirectories(folder.resolve("mg/checkpoints"));
    Files.copy(
        Path.of(System.getProperty("eqvae.root")).resolve("recipes/maskgit-small.yaml"),
        folder.resolve("mg/recipe.yaml"));
    assertUserError(run("evaluate", "mg"), 1, "mg is the run of a maskgit", "eqvae sample");
    assertUserError(run("inspect", run.toString()), 1, "in the folder of a run: name that");
    assertUserError(
        run("evaluate", "mg", "--reference", "mg", "--classifier", "mg"), 1, "mg is a folder");
    assertUserError(
        run("evaluate", "mg", "--reference", "mg", "--inception", "mg"), 1, "mg is a folder");
  }
}
