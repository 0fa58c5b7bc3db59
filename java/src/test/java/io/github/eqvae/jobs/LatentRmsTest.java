package io.github.eqvae.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.eqvae.data.Crop;
import io.github.eqvae.io.DecodeOptions;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.io.SafetensorsFile;
import io.github.eqvae.latents.Content;
import io.github.eqvae.latents.ShardFormat;
import io.github.eqvae.model.LatentScaling;
import io.github.eqvae.serve.TinyModels;
import io.github.eqvae.serve.Vae;
import io.github.eqvae.serve.VaeOptions;
import io.github.eqvae.tensor.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The RMS that {@code encode} says a generator sees is that of the values which it is given. */
class LatentRmsTest {
  private static final int CHANNELS = 2;
  private static final int SIDE = 4; // of the latent
  private static final int PICTURES = 7;

  @TempDir Path folder;
  private LatentScaling squares;

  @BeforeEach
  void pictures() throws IOException {
    Random random = new Random(3);
    Path pictures = Files.createDirectories(folder.resolve("pictures"));
    for (int i = 0; i < PICTURES; i++) {
      byte[] data = new byte[16 * 16 * 3];
      random.nextBytes(data);
      Images.writePng(pictures.resolve("p" + i + ".png"), new Image(16, 16, 3, data));
    }
    List<Double> mean = new ArrayList<>();
    List<Double> variance = new ArrayList<>();
    for (int i = 0; i < 4 * CHANNELS; i++) {
      mean.add(random.nextDouble() - 0.5);
      variance.add(0.1 + random.nextDouble());
    }
    squares = LatentScaling.batchNorm(mean, variance, 2, 1e-4);
  }

  private EncodeJob job(Path model, Vae vae, String out, Content content, boolean scaled)
      throws IOException {
    return new EncodeJob(
        model,
        vae,
        Optional.empty(),
        folder.resolve("pictures"),
        new EncodeOptions(
            content,
            5,
            16,
            Crop.ADM,
            DecodeOptions.DEFAULT,
            false,
            scaled,
            ShardFormat.SAFETENSORS,
            3),
        folder.resolve(out),
        2,
        Optional.empty(),
        false,
        new EncodeJob.Listener() {
          @Override
          public void encoded(long images) {}

          @Override
          public void broken(String name, String cause) {}
        });
  }

  private OptionalDouble said(Path model, String out, Content content, boolean scaled)
      throws IOException {
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(model, device, VaeOptions.defaults().withSessions(1).withBatch(1))) {
      EncodeJob job = job(model, vae, out, content, scaled);
      job.run();
      assertEquals(vae.scaling().orElseThrow().gathers(), job.gathers());
      return job.rms();
    }
  }

  /** Of what the shards hold. */
  private double rms(String latents, String key, LatentScaling scaling) throws IOException {
    double sum = 0;
    long count = 0;
    List<Path> shards;
    try (Stream<Path> files = Files.list(folder.resolve(latents))) {
      shards = files.filter(f -> f.toString().endsWith(".safetensors")).toList();
    }
    assertEquals(3, shards.size());
    for (Path shard : shards) {
      try (SafetensorsFile file = SafetensorsFile.open(shard)) {
        float[] values = file.floats(key);
        int plane = SIDE * SIDE;
        int each = key.equals("moments") ? 2 * CHANNELS * plane : values.length;
        for (int i = 0; i < values.length; i++) {
          int c = i % each / plane;
          if (key.equals("moments") && c >= CHANNELS) {
            continue;
          }
          int y = i / SIDE % SIDE;
          int x = i % SIDE;
          int channel = scaling.gathers() ? 4 * c + y % 2 * 2 + x % 2 : c;
          double mean = scaling.scale(values[i], channel);
          double slope = scaling.scale(1, channel) - scaling.scale(0, channel);
          double std = key.equals("moments") ? slope * values[i + CHANNELS * plane] : 0;
          sum += mean * mean + std * std;
          count++;
        }
      }
    }
    return Math.sqrt(sum / count);
  }

  @Test
  void ofSquaresAndOfOthersIsThatOfWhatAGeneratorIsGiven() throws IOException {
    for (Path model : List.of(TinyModels.squares(folder, squares), TinyModels.kl(folder))) {
      String name = model.getFileName().toString().replace(".safetensors", "");
      LatentScaling own = name.startsWith("squares") ? squares : LatentScaling.of(0.5, 0.25);
      double raw = said(model, name, Content.MODE, false).orElseThrow();
      double scaled = said(model, name + " scaled", Content.MODE, true).orElseThrow();
      double expected = rms(name + " scaled", "latents", LatentScaling.of(1, 0));
      assertTrue(Math.abs(expected - 1) > 0.05, "near 1 by chance: " + expected);
      assertEquals(expected, raw, 1e-5 * expected);
      assertEquals(expected, scaled, 1e-5 * expected);
      double drawn = said(model, name + " moments", Content.MOMENTS, false).orElseThrow();
      assertTrue(drawn > 1.01 * expected, "the posterior has no width");
      assertEquals(rms(name + " moments", "moments", own), drawn, 1e-5 * drawn);
    }
  }

  /** A first shard of broken pictures alone has no sums, and the statistics are of the others. */
  @Test
  void aShardOfBrokenPicturesDoesNotHideIt() throws IOException {
    Path model = TinyModels.squares(folder, squares);
    double expected = said(model, "whole", Content.MODE, false).orElseThrow();
    for (String name : List.of("a0.png", "a1.png", "a2.png")) {
      Files.write(
          folder.resolve("pictures").resolve(name),
          Arrays.copyOf(Files.readAllBytes(folder.resolve("pictures/p0.png")), 60));
    }
    assertEquals(expected, said(model, "more", Content.MODE, false).orElseThrow(), 1e-9 * expected);
  }

  /** What {@code convert --scaling-kind patches} needs; with it the RMS is 1. */
  @Test
  void theIndexHasTheStatisticsOfSquares() throws IOException {
    Path model = TinyModels.squares(folder, squares);
    said(model, "latents", Content.MODE, false);
    JsonNode statistics =
        new ObjectMapper()
            .readTree(folder.resolve("latents/index.json").toFile())
            .path("statistics");
    LatentScaling measured =
        LatentScaling.batchNorm(
            numbers(statistics.path("patch_mean")),
            numbers(statistics.path("patch_variance")),
            2,
            0);
    int values = PICTURES * SIDE * SIDE / 4;
    double expected = Math.sqrt((values - 1.0) / values); // the variance is the unbiased one
    assertEquals(
        expected,
        said(TinyModels.squares(folder, measured), "again", Content.MODE, false).getAsDouble(),
        1e-6);
  }

  private static List<Double> numbers(JsonNode array) {
    List<Double> out = new ArrayList<>();
    array.forEach(n -> out.add(n.asDouble()));
    assertEquals(4 * CHANNELS, out.size());
    return out;
  }
}
