package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.train.generator.TinyLatents;
import java.nio.file.Files;
import java.nio.file.Path;
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
}
