package io.github.eqvae.serve;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.tensor.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images decoded in tiles against the same images decoded whole. */
class TilingTest {
  @TempDir Path folder;

  @Test
  void piecesCoverTheAxis() {
    for (int length : new int[] {1, 5, 16, 17, 40, 63, 128}) {
      TileAxis axis = new TileAxis(length, 16, 4);
      int covered = 0;
      for (int t = 0; t < axis.count(); t++) {
        assertEquals(covered, axis.start(t));
        covered = axis.end(t);
        assertTrue(covered - axis.start(t) <= 16);
        assertEquals(Math.max(0, axis.start(t) - 4), axis.from(t));
        assertEquals(Math.min(length, covered + 4), axis.to(t));
      }
      assertEquals(length, covered);
    }
  }

  /** Not noise: neighbouring parts of an image differ in brightness and contrast. */
  private static Latents latents(int count, int height, int width) {
    Random random = new Random(4);
    float[] values = new float[count * height * width * 2];
    for (int i = 0; i < values.length; i++) {
      double across = (double) (i / 2 % width) / width;
      values[i] = (float) (random.nextGaussian() * (0.2 + 2 * across) + 3 * across);
    }
    return new Latents(count, height, width, 2, values, false);
  }

  private static double error(ImageBatch a, ImageBatch b) {
    double most = 0;
    double range = 0;
    for (int i = 0; i < a.pixels().length; i++) {
      most = Math.max(most, Math.abs(a.pixels()[i] - b.pixels()[i]));
      range = Math.max(range, Math.abs(a.pixels()[i]));
    }
    return most / range;
  }

  /** Rounding alone: the sums of norms and convolutions are made in another order. */
  private static final double ROUNDING = 1e-4;

  @Test
  void tilesAreTheWholeImage() throws IOException {
    try (Device device = Device.open("cpu", 2);
        Vae vae = Vae.load(TinyModels.kl(folder), device)) {
      Latents latents = latents(2, 23, 40);
      ImageBatch whole = vae.decode(latents);
      for (int size : new int[] {16, 40, 64, 500}) {
        double error = error(whole, vae.decode(latents, new Tiling(size)));
        assertTrue(error < ROUNDING, "tiles of " + size + ": error " + error);
      }
    }
  }

  @Test
  void tilesNeedLessMemory() throws IOException {
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(TinyModels.kl(folder), device)) {
      Latents latents = latents(1, 128, 128);
      vae.decode(latents, new Tiling(128));
      long tiled = vae.memory().liveBytes();
      vae.decode(latents);
      long whole = vae.memory().liveBytes();
      assertTrue(tiled < whole * 0.6, tiled + " bytes in tiles, " + whole + " whole");
    }
  }

  @Test
  void discreteModelsAreTiledToo() throws IOException {
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(TinyModels.vq(folder), device)) {
      Latents latents = latents(1, 24, 40);
      double error = error(vae.decode(latents), vae.decode(latents, new Tiling(32)));
      assertTrue(error < ROUNDING, "error " + error);
    }
  }

  @Test
  void impossibleTilesAreRefused() {
    assertThrows(EqvaeException.Argument.class, () -> new Tiling(0));
  }
}
