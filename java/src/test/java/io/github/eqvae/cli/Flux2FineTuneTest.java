package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.model.checkpoint.AutoencoderCheckpoint;
import io.github.eqvae.train.autoencoder.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** FLUX.2's form of an autoencoder at toy width: fine-tuned, measured anew, written. */
class Flux2FineTuneTest extends CliFixture {
  private Outcome passes(String... arguments) throws Exception {
    Outcome o = run(arguments);
    assertEquals(0, o.code(), o.err());
    return o;
  }

  private JsonNode latent(String run) throws IOException {
    Path file = folder.resolve(run).resolve("evaluation.json");
    return new ObjectMapper().readTree(file.toFile()).path("latent");
  }

  private float[] statistic(String model, String name) throws IOException {
    try (AutoencoderCheckpoint checkpoint = AutoencoderCheckpoint.open(folder.resolve(model))) {
      assertTrue(checkpoint.settings().scaling().orElseThrow().gathers());
      return checkpoint.file().tensors().get("bn." + name).floats();
    }
  }

  @Test
  @Tag("full")
  void fineTuningMeasuresTheNormAnew() throws Exception {
    Path recipe = folder.resolve("tiny.yaml");
    Files.writeString(recipe, TinyRun.recipe(TinyRun.images(folder), 2, 1000));
    passes("train", "tiny.yaml", "--out", "first");
    passes(
        "convert",
        "first",
        "flux",
        "--to",
        "diffusers",
        "--scaling-from",
        "first/evaluation.json",
        "--scaling-kind",
        "patches");
    assertTrue(Files.readString(folder.resolve("flux/config.json")).contains("AutoencoderKLFlux2"));

    passes(
        "train",
        "tiny.yaml",
        "--out",
        "tuned",
        "--set=model.init_from=" + folder.resolve("flux"),
        "--set=objective.terms.sample_posterior=false",
        "--set=optimizer.learning_rate=3e-2",
        "--set=run.steps=6");
    passes(
        "convert",
        "tuned",
        "new",
        "--to",
        "diffusers",
        "--scaling-from",
        "tuned/evaluation.json",
        "--scaling-kind",
        "patches");
    for (String name : new String[] {"mean", "var"}) {
      float[] before = statistic("flux", "running_" + name);
      float[] after = statistic("new", "running_" + name);
      JsonNode measured =
          latent("tuned").path(name.equals("var") ? "patch_variance" : "patch_mean");
      assertEquals(8, after.length);
      for (int i = 0; i < after.length; i++) {
        assertEquals((float) measured.get(i).asDouble(), after[i]);
        assertNotEquals(before[i], after[i], "the latent has not changed");
      }
    }
  }
}
