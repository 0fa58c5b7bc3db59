package io.github.eqvae.serve;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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

/** Images encoded and decoded in tiles against the same images whole. */
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
    return error(a.pixels(), b.pixels());
  }

  private static double error(float[] a, float[] b) {
    assertEquals(a.length, b.length);
    double most = 0;
    double range = 0;
    for (int i = 0; i < a.length; i++) {
      most = Math.max(most, Math.abs(a[i] - b[i]));
      range = Math.max(range, Math.abs(a[i]));
    }
    return most / range;
  }

  /** Brightness and contrast change across the image, and no side is a power of two. */
  private static ImageBatch images(int count, int height, int width) {
    Random random = new Random(5);
    float[] pixels = new float[count * height * width * 3];
    for (int i = 0; i < pixels.length; i++) {
      double across = (double) (i / 3 % width) / width;
      pixels[i] = (float) Math.clamp(random.nextGaussian() * across / 2 + across - 0.5, -1.0, 1.0);
    }
    return new ImageBatch(count, height, width, 3, pixels);
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
  void encodedTilesAreTheWholeImage() throws IOException {
    try (Device device = Device.open("cpu", 2);
        Vae vae = Vae.load(TinyModels.kl(folder), device)) {
      ImageBatch images = images(2, 92, 164);
      Latents whole = vae.encode(images);
      Posterior sample = Posterior.sample(3);
      Latents drawn = vae.encode(images, sample);
      Moments moments = vae.moments(images);
      for (int size : new int[] {4, 16, 40, 64, 500}) {
        Tiling tiling = new Tiling(size);
        double error = error(whole.values(), vae.encode(images, tiling).values());
        assertTrue(error < ROUNDING, "tiles of " + size + ": error " + error);
        error = error(drawn.values(), vae.encode(images, sample, tiling).values());
        assertTrue(error < ROUNDING, "samples, tiles of " + size + ": error " + error);
        error = error(moments.std(), vae.moments(images, tiling).std());
        assertTrue(error < ROUNDING, "std, tiles of " + size + ": error " + error);
      }
    }
  }

  /** Then nothing can be cut, and the result is that of the whole image all the same. */
  @Test
  void attentionAtFullResolutionIsNotCut() throws IOException {
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(TinyModels.attentive(folder), device)) {
      ImageBatch images = images(1, 24, 40);
      Latents latents = vae.encode(images);
      Tiling tiling = new Tiling(16);
      assertTrue(error(latents.values(), vae.encode(images, tiling).values()) < ROUNDING);
      assertTrue(error(vae.decode(latents), vae.decode(latents, tiling)) < ROUNDING);
    }
  }

  @Test
  void encodingInTilesNeedsLessMemory() throws IOException {
    try (Device device = Device.open("cpu", 1);
        Vae vae = Vae.load(TinyModels.kl(folder), device)) {
      ImageBatch images = images(1, 512, 512);
      vae.encode(images, new Tiling(128));
      long tiled = vae.memory().liveBytes();
      vae.encode(images);
      long whole = vae.memory().liveBytes();
      assertTrue(tiled < whole * 0.6, tiled + " bytes in tiles, " + whole + " whole");
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
      ImageBatch images = images(1, 96, 160);
      assertArrayEquals(
          vae.codes(images).indices(), vae.codes(images, new Tiling(32)).indices(), "codes");
    }
  }

  @Test
  void impossibleTilesAreRefused() {
    assertThrows(EqvaeException.Argument.class, () -> new Tiling(0));
  }
}
