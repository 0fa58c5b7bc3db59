package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.eqvae.testing.TinyClassifier;
import io.github.eqvae.train.autoencoder.MeasuredWith;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Distances of reconstructions: where they are asked for, and what always stands beside them. */
class ReconstructionFiguresTest extends CliFixture {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String KEY = "frechet_distance_of_reconstructions";

  private String card() throws Exception {
    Outcome o =
        run("convert", "run", "vae", "--to", "diffusers", "--scaling-factor=1", "--overwrite");
    assertEquals(0, o.code(), o.err());
    return Files.readString(folder.resolve("vae/README.md"));
  }

  private static void assertReason(String text) {
    assertTrue(text.contains("PSNR") && text.contains("SSIM"), text);
    assertTrue(text.contains(MeasuredWith.NO_LPIPS), text);
  }

  @Test
  void ofRunsAndCheckpoints() throws Exception {
    recipe(2);
    assertEquals(0, run("train", "tiny.yaml", "--out", "run").code());
    assertFalse(card().contains("LPIPS"), "no reason without a distance");
    String first = TinyClassifier.write(folder, 1).getFileName().toString();
    String second = TinyClassifier.write(folder, 2).getFileName().toString();
    Outcome o = run("evaluate", "run", "--classifier", first, "--classifier=" + second);
    assertEquals(0, o.code(), o.err());
    assertReason(o.out());
    assertTrue(o.out().contains("Fréchet distance 2 of reconstructions"), o.out());
    Path file = folder.resolve("run/evaluation.json");
    JsonNode json = JSON.readTree(file.toFile());
    JsonNames.assertSnakeCase("evaluation", json);
    assertTrue(json.path(KEY).isNumber(), json.toString());
    assertEquals(2, json.path("measured_distances").path("extractors").size());
    assertReason(Files.readString(folder.resolve("run/report.html")));
    assertTrue(card().contains("| Fréchet distance 2 of reconstructions |"), card());
    assertReason(card());

    // The same of an rFID, whose weights are not here.
    ObjectNode rfid = (ObjectNode) json;
    rfid.remove(KEY);
    rfid.remove("frechet_distance_2_of_reconstructions");
    rfid.put("rfid", 1.5);
    Files.writeString(file, rfid.toString());
    assertReason(card());
    assertTrue(card().contains("| rFID | 1.5000 |"), card());

    // All pictures of a file, padded as the recipe says; the same by the model's file alone.
    Files.copy(folder.resolve("images.idx"), folder.resolve("t-images-idx3-ubyte"));
    String[] asked = {"--data=t-images-idx3-ubyte", "--classifier", first, "--json", "-"};
    o = run("evaluate", "run", asked[0], asked[1], asked[2], asked[3], asked[4]);
    assertEquals(0, o.code(), o.err());
    JsonNode all = JSON.readTree(o.out());
    assertTrue(all.path("images").asInt() > json.path("images").asInt(), o.out());
    assertEquals(all.path("images"), extractor(all).path("images"));
    o = run("evaluate", "run/model.safetensors", asked[0], asked[1], asked[2], asked[3], asked[4]);
    assertEquals(0, o.code(), o.err());
    JsonNode alone = JSON.readTree(o.out());
    assertEquals(all.path("images"), alone.path("images"));
    assertEquals(extractor(all), extractor(alone));
    double expected = all.path(KEY).asDouble();
    assertEquals(expected, alone.path(KEY).asDouble(), 1e-3 * expected);
    assertUserError(run("evaluate", "run", "--classifier=gone"), 1, "evaluation.classifiers");
    assertUserError(run("evaluate", "run", "--data=tiny.yaml"), 1, "neither a folder nor");
  }

  private static JsonNode extractor(JsonNode results) {
    return results.path("measured_distances").path("extractors").path(0);
  }
}
