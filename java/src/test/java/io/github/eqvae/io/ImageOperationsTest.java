package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Resizing against OpenCV and a plain double-precision reference; crops, pads, grids and
 * conversions by hand.
 */
class ImageOperationsTest {
  private static Image noise(int width, int height, int channels) {
    byte[] data = new byte[width * height * channels];
    new Random(width * 31L + height).nextBytes(data);
    return new Image(width, height, channels, data);
  }

  /** The weight of source s for result i along one axis, written down from the definition. */
  private static double weight(int from, int to, int i, int s) {
    double scale = (double) from / to;
    double covered = Math.min(s + 1, (i + 1) * scale) - Math.max(s, i * scale);
    return Math.max(0, covered) / scale;
  }

  /**
   * Float sums of n terms below 256 err by less than n·256·2⁻²⁴; for n of some thousands that is
   * far below the half level at which rounding may go the other way, so the result is within 0.5 +
   * 0.05 of the exact one.
   */
  @ParameterizedTest
  @CsvSource({
    "64, 64, 32, 32, 3",
    "64, 48, 32, 16, 1",
    "37, 53, 16, 16, 3",
    "100, 100, 99, 99, 3",
    "200, 3, 1, 1, 1",
    "300, 300, 7, 299, 3",
  })
  void shrinkingMatchesTheDefinition(
      int width, int height, int toWidth, int toHeight, int channels) {
    Image image = noise(width, height, channels);
    Image resized = Resize.resize(image, toWidth, toHeight);
    for (int y = 0; y < toHeight; y++) {
      for (int x = 0; x < toWidth; x++) {
        for (int c = 0; c < channels; c++) {
          double sum = 0;
          for (int v = 0; v < height; v++) {
            double down = weight(height, toHeight, y, v);
            for (int u = 0; down > 0 && u < width; u++) {
              sum += down * weight(width, toWidth, x, u) * image.sample(u, v, c);
            }
          }
          double difference = Math.abs(sum - resized.sample(x, y, c));
          assertTrue(difference <= 0.55, x + "," + y + "," + c + ": off by " + difference);
        }
      }
    }
  }

  /**
   * Enlarging, shrinking and both, with the first eight bytes of SHA-256 of what OpenCV 5.0's
   * INTER_AREA makes of the same picture.
   */
  @ParameterizedTest
  @CsvSource({
    "16, 16, 33, 40, 3, 276437551e2b5c65",
    "5, 3, 5, 9, 1, e2b29da122eb867a",
    "40, 8, 16, 16, 3, f765abdb903c5db8",
    "8, 40, 16, 16, 1, b2d12e9ca4464ec0",
    "1, 1, 4, 4, 3, 0c79bafbea8bf5cc",
    "28, 28, 32, 32, 1, d2ab43217aac9118",
    "3, 2, 256, 256, 3, 28cd7bb0bb2423cb",
    "200, 150, 256, 256, 3, f31efdab8248e39a",
    "1, 9, 7, 7, 1, a556872dc4dd97a3",
    "64, 64, 32, 32, 3, eb8179b718eaa0fc",
    "64, 48, 32, 16, 1, 927c8ec4ad110431",
    "90, 60, 30, 20, 3, 462f489f3a6700c0",
    "37, 53, 16, 16, 3, b5b5365b8966da1a",
    "100, 100, 99, 99, 3, 6e8d26fbf8f83d0e",
    "300, 300, 7, 299, 3, b81b862f952f45b2",
    "97, 41, 97, 40, 1, da617442aa3018d8"
  })
  void resizeHasTheBitsOfOpenCv(
      int width, int height, int toWidth, int toHeight, int channels, String hash)
      throws NoSuchAlgorithmException {
    byte[] data = new byte[width * height * channels];
    for (long i = 0; i < data.length; i++) {
      data[(int) i] = (byte) ((i * i * 31 + i * 17) / 8);
    }
    Image resized = Resize.resize(new Image(width, height, channels, data), toWidth, toHeight);
    byte[] sha = MessageDigest.getInstance("SHA-256").digest(resized.data());
    assertEquals(hash, HexFormat.of().formatHex(sha, 0, 8));
  }

  /** What OpenCV 5.0 makes of it; with half-pixel centres columns would begin 0 50 150 200. */
  @Test
  void enlargingFollowsItsOwnRule() {
    Image small = new Image(2, 2, 1, new byte[] {0, 100, (byte) 200, 40});
    byte[] expected = {0, 50, 100, 0, 50, 100, (byte) 200, 120, 40, (byte) 200, 120, 40};
    assertArrayEquals(expected, Resize.resize(small, 3, 4).data());
  }

  @Test
  void resizeKeepsFlatColoursAndItsOwnSize() {
    byte[] data = new byte[31 * 17 * 3];
    java.util.Arrays.fill(data, (byte) 200);
    Image flat = new Image(31, 17, 3, data);
    for (byte value : Resize.resize(flat, 12, 40).data()) {
      assertEquals((byte) 200, value);
    }
    assertSame(flat, Resize.resize(flat, 31, 17));
    assertThrows(EqvaeException.Argument.class, () -> Resize.resize(flat, 0, 4));
  }

  @Test
  void cropsPadsAndFlips() {
    Image image = new Image(3, 2, 1, new byte[] {1, 2, 3, 4, 5, 6});
    assertArrayEquals(new byte[] {2, 3, 5, 6}, image.crop(1, 0, 2, 2).data());
    assertArrayEquals(new byte[] {3, 2, 1, 6, 5, 4}, image.flipHorizontal().data());
    assertArrayEquals(
        new byte[] {9, 1, 2, 3, 9, 9, 4, 5, 6, 9, 9, 9, 9, 9, 9}, image.pad(5, 3, 9).data());
    assertThrows(EqvaeException.Argument.class, () -> image.crop(2, 0, 2, 1));
    assertThrows(EqvaeException.Argument.class, () -> image.crop(0, 0, 0, 1));
    assertThrows(EqvaeException.Argument.class, () -> image.crop(1, 1, Integer.MAX_VALUE, 1));
    assertThrows(EqvaeException.Argument.class, () -> image.pad(2, 2, 0));
    Image rgb = new Image(2, 1, 3, new byte[] {1, 2, 3, 4, 5, 6});
    assertArrayEquals(new byte[] {4, 5, 6, 1, 2, 3}, rgb.flipHorizontal().data());
  }

  @Test
  void channelsConvert() {
    Image gray = new Image(1, 1, 1, new byte[] {(byte) 200});
    assertArrayEquals(new byte[] {(byte) 200, (byte) 200, (byte) 200}, gray.withChannels(3).data());
    assertEquals(200, gray.withChannels(3).withChannels(1).sample(0, 0, 0));
    Image red = new Image(1, 1, 3, new byte[] {(byte) 255, 0, 0});
    assertEquals(76, red.withChannels(1).sample(0, 0, 0)); // 0.299 · 255 = 76.2
  }

  @Test
  void floatsConvertBothWays() {
    byte[] all = new byte[256];
    for (int i = 0; i < 256; i++) {
      all[i] = (byte) i;
    }
    Image image = new Image(16, 16, 1, all);
    float[] values = new float[300];
    image.toSigned(values, 44);
    assertEquals(-1f, values[44]);
    assertEquals(1f, values[299]);
    assertArrayEquals(all, Image.ofFloats(16, 16, 1, values, 44, -1, 1).data());
    Image outside = Image.ofFloats(4, 1, 1, new float[] {-3, 7, Float.NaN, 0.1f}, 0, -1, 1);
    assertArrayEquals(new byte[] {0, (byte) 255, 0, (byte) 140}, outside.data());
    assertThrows(EqvaeException.Argument.class, () -> Image.ofFloats(16, 16, 1, values, 45, -1, 1));
  }

  @Test
  void gridsLayTilesInRows() {
    Image a = new Image(1, 1, 1, new byte[] {1});
    Image b = new Image(1, 1, 1, new byte[] {2});
    Image c = new Image(1, 1, 1, new byte[] {3});
    Image grid = ImageGrid.of(List.of(a, b, c), 2, 1, 0);
    assertEquals(5, grid.width());
    assertEquals(5, grid.height());
    assertArrayEquals(
        new byte[] {0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0},
        grid.data());
    Image rgb = new Image(2, 1, 3, new byte[] {1, 2, 3, 4, 5, 6});
    Image mixed = ImageGrid.of(List.of(a, rgb), 2, 0, 7);
    assertArrayEquals(new byte[] {1, 1, 1, 7, 7, 7, 1, 2, 3, 4, 5, 6}, mixed.data());
    assertThrows(EqvaeException.Argument.class, () -> ImageGrid.of(List.of(), 1, 0, 0));
  }

  /** An l is a line of seven pixels with a foot; the picture stays as it was, below. */
  @Test
  void captionsStandAboveThePicture() {
    byte[] gray = new byte[20 * 2];
    gray[39] = 9;
    Image image = ImageGrid.caption(new Image(20, 2, 1, gray), "Lé", 200);
    assertEquals(20, image.width());
    int above = image.height() - 2;
    assertEquals(0, image.data()[above * 20]);
    assertEquals(9, image.data()[(above + 2) * 20 - 1]);
    int black = 0;
    for (int i = 0; i < above * 20; i++) {
      black += image.data()[i] == 0 ? 1 : 0;
      assertTrue(image.data()[i] == 0 || image.data()[i] == (byte) 200);
    }
    assertEquals(7 + black("?"), black);
    assertEquals(4 * 7, black("l", 1120), "twice as large above a large picture");
    assertTrue(black("a long text that is cut", 20) < black("a long text that is cut", 560));
    assertEquals(3, ImageGrid.caption(new Image(1, 1, 3, new byte[3]), "l", 1).channels());
  }

  private static int black(String text) {
    return black(text, 100);
  }

  private static int black(String text, int width) {
    Image image = ImageGrid.caption(new Image(width, 1, 1, new byte[width]), text, 255);
    int count = 0;
    for (int i = 0; i < width * (image.height() - 1); i++) {
      count += image.data()[i] == 0 ? 1 : 0;
    }
    return count;
  }

  @Test
  void sizesMustFitTheData() {
    assertThrows(EqvaeException.Argument.class, () -> new Image(2, 2, 1, new byte[3]));
    assertThrows(EqvaeException.Argument.class, () -> new Image(2, 2, 2, new byte[8]));
    assertThrows(EqvaeException.Argument.class, () -> new Image(0, 2, 1, new byte[0]));
  }
}
