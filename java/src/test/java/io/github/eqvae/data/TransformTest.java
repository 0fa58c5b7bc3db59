package io.github.eqvae.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.EqvaeException;
import io.github.eqvae.io.Image;
import org.junit.jupiter.api.Test;

/** The transforms, seen through pictures whose samples tell where they come from. */
class TransformTest {
  /** Column in the first channel, row in the second, 77 in the third. */
  private static Image map(int width, int height) {
    byte[] data = new byte[width * height * 3];
    for (int i = 0; i < width * height; i++) {
      data[3 * i] = (byte) (i % width);
      data[3 * i + 1] = (byte) (i / width);
      data[3 * i + 2] = 77;
    }
    return new Image(width, height, 3, data);
  }

  /** At the size of the crop nothing is resized, so the result's corner is the crop's place. */
  @Test
  void randomCropsReachEveryPlaceAndStayInside() {
    Image image = map(60, 40);
    Transform crop = new Transform.RandomCrop(40, 1.0);
    boolean[] seen = new boolean[21];
    for (int i = 0; i < 400; i++) {
      Image result = crop.apply(image, new SampleRandom(1, 0, i));
      assertEquals(40, result.width());
      assertEquals(0, result.sample(0, 0, 1));
      assertEquals(result.sample(0, 0, 0) + 39, result.sample(39, 0, 0));
      seen[result.sample(0, 0, 0)] = true;
    }
    for (int x = 0; x <= 20; x++) {
      assertTrue(seen[x], "no crop at column " + x);
    }
  }

  /**
   * The width of what a crop saw, from the span of its columns: uniform between half and all of the
   * shorter side.
   */
  @Test
  void randomCropsHaveUniformSides() {
    Image image = map(200, 200);
    Transform crop = new Transform.RandomCrop(10, 0.5);
    int n = 2000;
    double sum = 0;
    double least = 1e9;
    double most = 0;
    for (int i = 0; i < n; i++) {
      Image result = crop.apply(image, new SampleRandom(3, 1, i));
      double side = (result.sample(9, 0, 0) - result.sample(0, 0, 0)) / 0.9;
      sum += side;
      least = Math.min(least, side);
      most = Math.max(most, side);
      assertEquals(77, result.sample(5, 5, 2));
    }
    // Uniform on [100, 200): mean 150, standard error 28.9/√2000 = 0.65; five of them. Rounding
    // moves a side by at most 1.2.
    assertEquals(149.5, sum / n, 3.3);
    assertTrue(least >= 98 && least < 103, "least " + least);
    assertTrue(most > 197 && most <= 202, "most " + most);
  }

  @Test
  void cropsArePureFunctions() {
    Image image = map(60, 40);
    Transform crop = new Transform.RandomCrop(16, 0.5);
    SampleRandom random = new SampleRandom(1, 2, 3);
    assertArrayEquals(crop.apply(image, random).data(), crop.apply(image, random).data());
  }

  @Test
  void centerCropIsInTheMiddle() {
    Image result = new Transform.CenterCrop(40).apply(map(60, 40), new SampleRandom(0, 0, 0));
    assertEquals(10, result.sample(0, 0, 0));
    assertEquals(49, result.sample(39, 0, 0));
    assertEquals(39, result.sample(0, 39, 1));
  }

  @Test
  void padPutsTheSmallPictureInTheMiddle() {
    Image result = new Transform.Pad(32, 32, 5).apply(map(28, 28), new SampleRandom(0, 0, 0));
    assertEquals(5, result.sample(1, 1, 0));
    assertEquals(0, result.sample(2, 2, 0));
    assertEquals(27, result.sample(29, 29, 1));
    assertEquals(5, result.sample(30, 30, 0));
  }

  @Test
  void flipsHappenAsOftenAsAsked() {
    Image image = map(2, 1);
    int flipped = 0;
    for (int i = 0; i < 2000; i++) {
      Image result = new Transform.HorizontalFlip(0.25).apply(image, new SampleRandom(9, 0, i));
      flipped += result.sample(0, 0, 0);
    }
    assertEquals(500, flipped, 97); // five standard deviations of √(2000·¼·¾) = 19.4
    SampleRandom random = new SampleRandom(0, 0, 0);
    assertEquals(0, new Transform.HorizontalFlip(0).apply(image, random).sample(0, 0, 0));
    assertEquals(1, new Transform.HorizontalFlip(1).apply(image, random).sample(0, 0, 0));
  }

  @Test
  void optionsAreChecked() {
    assertThrows(EqvaeException.Argument.class, () -> new Transform.RandomCrop(0, 0.5));
    assertThrows(EqvaeException.Argument.class, () -> new Transform.RandomCrop(8, 0));
    assertThrows(EqvaeException.Argument.class, () -> new Transform.RandomCrop(8, Double.NaN));
    assertThrows(EqvaeException.Argument.class, () -> new Transform.HorizontalFlip(1.1));
    assertThrows(EqvaeException.Argument.class, () -> new Transform.Pad(32, 32, 256));
  }
}
