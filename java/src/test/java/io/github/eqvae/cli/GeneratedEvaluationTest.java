package io.github.eqvae.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.data.IdxDataset;
import io.github.eqvae.io.NpyArray;
import io.github.eqvae.io.NpzFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A classifier is trained, and generated images are measured by its features. */
class GeneratedEvaluationTest extends CliFixture {
  private static final int COUNT = 400;
  private static final int PIXELS = 28 * 28;

  private static Path fashion(String file) {
    return Path.of(System.getProperty("eqvae.root"), "data/fashion-mnist", file).toAbsolutePath();
  }

  /** Pictures of the data set from one on, their pixels in another order or not. */
  private void archive(String name, int first, boolean shuffled) throws IOException {
    IdxDataset all = IdxDataset.open(fashion("t10k-images-idx3-ubyte.gz"));
    byte[] bytes = new byte[COUNT * PIXELS];
    Random random = new Random(1);
    for (int i = 0; i < COUNT; i++) {
      byte[] image = all.load(first + i).data();
      for (int j = PIXELS - 1; shuffled && j > 0; j--) {
        int k = random.nextInt(j + 1);
        byte swapped = image[j];
        image[j] = image[k];
        image[k] = swapped;
      }
      System.arraycopy(image, 0, bytes, i * PIXELS, PIXELS);
    }
    NpyArray array = new NpyArray("|u1", new long[] {COUNT, 28, 28, 1}, bytes);
    NpzFile.write(folder.resolve(name), Map.of("arr_0", array));
  }

  private double distance(String samples, String reference) throws Exception {
    Outcome o =
        run(
            "evaluate",
            samples,
            "--reference",
            reference,
            "--classifier",
            "classifier/model.safetensors",
            "--json",
            "a.json",
            "--device",
            "cpu");
    assertEquals(0, o.code(), o.err());
    assertTrue(o.out().contains("128 of eqvae's classifier of 10 classes, 32 px"), o.out());
    assertTrue(o.out().contains("unknown: no record"), o.out());
    JsonNode json = new ObjectMapper().readTree(folder.resolve("a.json").toFile());
    JsonNames.assertSnakeCase("samples", json);
    assertEquals(COUNT, json.path("images").asInt());
    assertEquals(64, json.path("extractor_sha256").asText().length());
    return json.path("frechet_distance").asDouble();
  }

  @Test
  @Tag("full")
  void realImagesAreNearerThanShuffledOnes() throws Exception {
    Path recipe = fashion("../../recipes/classifier-fashion-mnist.yaml").normalize();
    Outcome o =
        run(
            "train",
            recipe.toString(),
            "--out",
            "classifier",
            "--steps",
            "60",
            "--set",
            "data.path=" + fashion("t10k-images-idx3-ubyte.gz"),
            "--set",
            "data.labels=" + fashion("t10k-labels-idx1-ubyte.gz"),
            "--device",
            "cpu");
    assertEquals(0, o.code(), o.err());
    double right =
        new ObjectMapper()
            .readTree(Files.readString(folder.resolve("classifier/evaluation.json")))
            .path("accuracy")
            .asDouble();
    assertTrue(right > 0.2, "right for " + right + ", by chance it is 0.1");
    archive("a.npz", 0, false);
    archive("b.npz", COUNT, false);
    archive("shuffled.npz", 0, true);
    assertEquals(0, distance("a.npz", "a.npz"), 1e-6);
    double real = distance("b.npz", "a.npz");
    double shuffled = distance("shuffled.npz", "a.npz");
    assertTrue(real < shuffled / 10, real + " and " + shuffled);
    assertUserError(
        run("evaluate", "a.npz", "--reference", "b.npz"), 1, "--inception FILE", "--classifier");
  }
}
