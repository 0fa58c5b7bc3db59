package io.github.eqvae.serve;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.data.SampleRandom;
import io.github.eqvae.data.Transform;
import io.github.eqvae.io.Image;
import io.github.eqvae.io.Images;
import io.github.eqvae.model.AutoencoderConfig;
import io.github.eqvae.model.AutoencoderKl;
import io.github.eqvae.model.ModelFile;
import io.github.eqvae.tensor.Device;
import io.github.eqvae.tensor.Stream;
import io.github.eqvae.testing.Results;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * How visible tiles are: the decoded image against the same one decoded whole, in 8-bit levels,
 * near the borders between tiles and elsewhere. {@code -Deqvae.seams.model=MODEL|random
 * -Deqvae.seams.image=FILE -Deqvae.seams.side=1024 -Deqvae.seams.out=FILE} makes the recorded run.
 */
class SeamTest {
  @TempDir Path folder;

  /** Half a level of 255: less cannot change a picture by more than its rounding. */
  private static final double VISIBLE = 0.5;

  private static final Tiling TILING = new Tiling(Integer.getInteger("eqvae.seams.tile", 512));

  @Test
  @EnabledIfSystemProperty(named = "eqvae.seams.model", matches = ".+")
  void tilesAgainstTheWholeImage() throws IOException {
    int side = Integer.getInteger("eqvae.seams.side", 1024);
    Image square =
        new Transform.CenterCrop(side)
            .apply(
                Images.read(Path.of(System.getProperty("eqvae.seams.image"))),
                new SampleRandom(0, 0, 0));
    Path model = model();
    try (Device device = Device.best();
        Vae vae = Vae.load(model, device)) {
      Latents latents =
          vae.encode(ImageBatch.ofImages(List.of(square.withChannels(vae.imageChannels()))));
      measure(model, vae, latents, side);
    }
  }

  /** The model named, or SD-VAE with random weights where it is called random. */
  private Path model() throws IOException {
    String name = System.getProperty("eqvae.seams.model");
    if (!name.equals("random")) {
      return Path.of(name);
    }
    Path file = folder.resolve("random.safetensors");
    try (Device device = Device.open("cpu");
        Stream stream = new Stream(device);
        AutoencoderKl vae = new AutoencoderKl(AutoencoderConfig.sdVae(), stream, 1, false)) {
      ModelFile.save(file, vae.parameters(), stream, Map.of());
    }
    return file;
  }

  private static void measure(Path model, Vae encoder, Latents latents, int side)
      throws IOException {
    ImageBatch tiled;
    double seconds;
    long tiledBytes;
    long parameters = encoder.parameterCount();
    int factor = encoder.downsamplingFactor();
    try (Device device = Device.best();
        Vae vae = Vae.load(model, device)) {
      long start = System.nanoTime();
      tiled = vae.decode(latents, TILING);
      seconds = (System.nanoTime() - start) * 1e-9;
      tiledBytes = vae.memory().liveBytes();
    }
    ImageBatch whole;
    double wholeSeconds;
    long wholeBytes;
    try (Device device = Device.best();
        Vae other = Vae.load(model, device)) {
      long start = System.nanoTime();
      whole = other.decode(latents);
      wholeSeconds = (System.nanoTime() - start) * 1e-9;
      wholeBytes = other.memory().liveBytes();
    }
    boolean[] border = nearBorders(side, factor);
    double[] most = new double[2];
    double[] sum = new double[2];
    double[] jump = new double[2];
    long[] count = new long[2];
    int c = whole.channels();
    for (int y = 0; y < side; y++) {
      for (int x = 0; x < side; x++) {
        int zone = border[x] || border[y] ? 1 : 0;
        for (int k = 0; k < c; k++) {
          int at = (y * side + x) * c + k;
          double d = 127.5 * (tiled.pixels()[at] - whole.pixels()[at]);
          most[zone] = Math.max(most[zone], Math.abs(d));
          sum[zone] += Math.abs(d);
          count[zone]++;
          for (int back : new int[] {x > 0 ? c : 0, y > 0 ? side * c : 0}) {
            double before = 127.5 * (tiled.pixels()[at - back] - whole.pixels()[at - back]);
            jump[zone] = Math.max(jump[zone], Math.abs(d - before));
          }
        }
      }
    }
    Results.say(
        "eqvae.seams.out",
        "{\"run\": \"seams\", \"model\": \"%s\", \"parameters\": %d, \"side\": %d, \"tile\":"
            + " %d, \"seconds\": %.1f, \"whole_seconds\": %.1f, \"bytes\": %d, \"whole_bytes\":"
            + " %d, \"max_at_seams\": %.4f, \"mean_at_seams\": %.5f, \"max_elsewhere\": %.4f,"
            + " \"mean_elsewhere\": %.5f, \"max_step_at_seams\": %.4f, \"max_step_elsewhere\":"
            + " %.4f}",
        System.getProperty("eqvae.seams.name", "unnamed"),
        parameters,
        side,
        TILING.size(),
        seconds,
        wholeSeconds,
        tiledBytes,
        wholeBytes,
        most[1],
        sum[1] / count[1],
        most[0],
        sum[0] / count[0],
        jump[1],
        jump[0]);
    assertTrue(count[1] > 0, "one tile is the whole image");
    assertTrue(jump[1] < VISIBLE, "a step of " + jump[1] + " levels at the borders of tiles");
  }

  /** Columns, and likewise rows, within 8 pixels of a border between tiles. */
  private static boolean[] nearBorders(int side, int factor) {
    TileAxis axis = new TileAxis(side / factor, TILING.size() / factor, 0);
    boolean[] out = new boolean[side];
    for (int t = 1; t < axis.count(); t++) {
      Arrays.fill(out, axis.start(t) * factor - 8, axis.start(t) * factor + 8, true);
    }
    return out;
  }
}
