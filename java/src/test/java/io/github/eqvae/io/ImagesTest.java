package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Decoding of every kind of file that is promised, and refusal of broken ones. */
class ImagesTest {
  private static final DecodeOptions STORED =
      new DecodeOptions(
          1 << 20,
          DecodeOptions.Alpha.DROP,
          DecodeOptions.Depth.ROUND,
          DecodeOptions.Orientation.STORED);

  @TempDir Path directory;

  private static byte[] resource(String name) throws IOException {
    try (InputStream input = ImagesTest.class.getResourceAsStream(name)) {
      return input.readAllBytes();
    }
  }

  private static Image decode(byte[] bytes) throws IOException {
    return Images.decode(bytes, "test", DecodeOptions.DEFAULT);
  }

  static byte[] encode(BufferedImage image, String format) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    assertTrue(ImageIO.write(image, format, bytes), format);
    return bytes.toByteArray();
  }

  /** The colour in the middle of the n-th patch of 16×16. */
  private static int[] patch(Image image, int n) {
    int[] color = new int[image.channels()];
    for (int c = 0; c < color.length; c++) {
      color[c] = image.sample(16 * n + 8, 8, c);
    }
    return color;
  }

  private static void assertNear(int tolerance, int[] expected, int[] actual) {
    for (int c = 0; c < expected.length; c++) {
      assertTrue(
          Math.abs(expected[c] - actual[c]) <= tolerance,
          Arrays.toString(actual) + ", expected " + Arrays.toString(expected));
    }
  }

  /**
   * White, black, cyan and red patches. How saturated printed cyan is depends on the profile at
   * hand, so what is asked is only which channels are strong: an inverted or unconverted file fails
   * by 255.
   */
  @ParameterizedTest
  @ValueSource(strings = {"cmyk.jpg", "ycck.jpg"})
  void cmykBecomesRgb(String name) throws IOException {
    Image image = decode(resource(name));
    assertEquals(3, image.channels());
    assertNear(3, new int[] {255, 255, 255}, patch(image, 0));
    assertNear(60, new int[] {0, 0, 0}, patch(image, 1));
    int[] cyan = patch(image, 2);
    assertTrue(cyan[0] < 80 && cyan[1] > 140 && cyan[2] > 180, Arrays.toString(cyan));
    int[] red = patch(image, 3);
    assertTrue(red[0] > 180 && red[1] < 80 && red[2] < 80, Arrays.toString(red));
  }

  /** Flat patches at quality 95: quantisation moves them by at most two levels. */
  @ParameterizedTest
  @ValueSource(strings = {"lossy.webp", "progressive.jpg"})
  void lossyColoursAreRight(String name) throws IOException {
    Image image = decode(resource(name));
    assertNear(2, new int[] {255, 0, 0}, patch(image, 0));
    assertNear(2, new int[] {0, 255, 0}, patch(image, 1));
    assertNear(2, new int[] {0, 0, 255}, patch(image, 2));
  }

  /** The profile in the files swaps red and green; samples are taken as stored, as Pillow does. */
  @ParameterizedTest
  @ValueSource(strings = {"profile.jpg", "profile.webp"})
  void profilesOfRgbAreNotApplied(String name) throws IOException {
    Image image = decode(resource(name));
    assertNear(3, new int[] {200, 60, 30}, patch(image, 0));
    assertNear(3, new int[] {30, 200, 60}, patch(image, 1));
  }

  @Test
  void alphaGoesWhereTheOptionSays() throws IOException {
    byte[] webp = resource("lossless_alpha.webp");
    BufferedImage buffered = new BufferedImage(48, 16, BufferedImage.TYPE_INT_ARGB);
    for (int i = 0; i < 48 * 16; i++) {
      int x = i % 48 / 16;
      buffered.setRGB(i % 48, i / 48, x == 0 ? 0xffff0000 : x == 1 ? 0x800000ff : 0);
    }
    for (byte[] bytes : new byte[][] {webp, encode(buffered, "png")}) {
      Image white =
          Images.decode(bytes, "t", new DecodeOptions(1 << 20, DecodeOptions.Alpha.WHITE));
      assertArrayEquals(new int[] {255, 0, 0}, patch(white, 0));
      assertArrayEquals(new int[] {127, 127, 255}, patch(white, 1));
      assertArrayEquals(new int[] {255, 255, 255}, patch(white, 2));
      Image black =
          Images.decode(bytes, "t", new DecodeOptions(1 << 20, DecodeOptions.Alpha.BLACK));
      assertArrayEquals(new int[] {0, 0, 128}, patch(black, 1));
      Image drop = decode(bytes);
      assertArrayEquals(new int[] {0, 0, 255}, patch(drop, 1));
    }
  }

  @Test
  void transparentColoursOfPngCount() throws IOException {
    DecodeOptions white = new DecodeOptions(1 << 20, DecodeOptions.Alpha.WHITE);
    Image rgb = Images.decode(resource("rgb_trns.png"), "t", white);
    Image gray = Images.decode(resource("gray_trns.png"), "t", white);
    assertArrayEquals(new int[] {255, 255, 255}, patch(rgb, 1));
    assertArrayEquals(new int[] {255}, patch(gray, 1));
  }

  /**
   * Gray samples come out as stored; reading them through getRGB would make 64 something like 137.
   */
  @Test
  void grayIsNotBrightened() throws IOException {
    BufferedImage gray = new BufferedImage(256, 2, BufferedImage.TYPE_BYTE_GRAY);
    for (int x = 0; x < 256; x++) {
      gray.getRaster().setSample(x, 0, 0, x);
    }
    Image png = decode(encode(gray, "png"));
    assertEquals(1, png.channels());
    for (int x = 0; x < 256; x++) {
      assertEquals(x, png.sample(x, 0, 0));
    }
    Image jpeg = decode(encode(gray, "jpeg"));
    assertEquals(1, jpeg.channels());
  }

  @Test
  void sixteenBitsAreRoundedToEight() throws IOException {
    BufferedImage gray = new BufferedImage(4, 1, BufferedImage.TYPE_USHORT_GRAY);
    int[] samples = {0, 128, 129, 65535};
    for (int x = 0; x < 4; x++) {
      gray.getRaster().setSample(x, 0, 0, samples[x]);
    }
    // 65535 / 255 = 257: half a level is 128.5.
    assertArrayEquals(new byte[] {0, 0, 1, -1}, decode(encode(gray, "png")).data());
  }

  @Test
  void palettesKeepTheirColours() throws IOException {
    byte[] ramp = {0, 100, (byte) 200, (byte) 255};
    byte[] other = {9, 8, 7, 6};
    IndexColorModel colors = new IndexColorModel(2, 4, ramp, other, ramp);
    IndexColorModel grays = new IndexColorModel(2, 4, ramp, ramp, ramp);
    for (IndexColorModel model : new IndexColorModel[] {colors, grays}) {
      BufferedImage image = new BufferedImage(5, 1, BufferedImage.TYPE_BYTE_BINARY, model);
      for (int x = 0; x < 5; x++) {
        image.getRaster().setSample(x, 0, 0, x % 4);
      }
      Image decoded = decode(encode(image, "png"));
      assertEquals(model == grays ? 1 : 3, decoded.channels());
      assertEquals(200, decoded.sample(2, 0, 0));
      assertEquals(0, decoded.sample(4, 0, 0));
    }
  }

  /** A JPEG with an EXIF segment of either byte order after its first marker. */
  static byte[] withOrientation(byte[] jpeg, int orientation, boolean bigEndian) {
    byte[] tiff =
        bigEndian
            ? new byte[] {
              'M',
              'M',
              0,
              42,
              0,
              0,
              0,
              8,
              0,
              1,
              1,
              0x12,
              0,
              3,
              0,
              0,
              0,
              1,
              0,
              (byte) orientation,
              0,
              0,
              0,
              0,
              0,
              0
            }
            : new byte[] {
              'I',
              'I',
              42,
              0,
              8,
              0,
              0,
              0,
              1,
              0,
              0x12,
              1,
              3,
              0,
              1,
              0,
              0,
              0,
              (byte) orientation,
              0,
              0,
              0,
              0,
              0,
              0,
              0
            };
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.write(jpeg, 0, 2);
    bytes.writeBytes(new byte[] {(byte) 0xff, (byte) 0xe1, 0, (byte) (tiff.length + 8)});
    bytes.writeBytes(new byte[] {'E', 'x', 'i', 'f', 0, 0});
    bytes.writeBytes(tiff);
    bytes.write(jpeg, 2, jpeg.length - 2);
    return bytes.toByteArray();
  }

  /**
   * A 32×16 picture whose quadrants are, as stored, 10 | 90 over 170 | 250. The corners expected
   * are those of the EXIF standard's table: where row 0 and column 0 of the stored picture belong.
   */
  @ParameterizedTest
  @CsvSource({
    "1, 32, 10, 90, 170, 250",
    "2, 32, 90, 10, 250, 170",
    "3, 32, 250, 170, 90, 10",
    "4, 32, 170, 250, 10, 90",
    "5, 16, 10, 170, 90, 250",
    "6, 16, 170, 10, 250, 90",
    "7, 16, 250, 90, 170, 10",
    "8, 16, 90, 250, 10, 170",
  })
  void orientationIsApplied(
      int orientation, int width, int upperLeft, int upperRight, int lowerLeft, int lowerRight)
      throws IOException {
    BufferedImage stored = new BufferedImage(32, 16, BufferedImage.TYPE_BYTE_GRAY);
    for (int i = 0; i < 32 * 16; i++) {
      int value = 10 + (i % 32 < 16 ? 0 : 80) + (i / 32 < 8 ? 0 : 160);
      stored.getRaster().setSample(i % 32, i / 32, 0, value);
    }
    byte[] jpeg = encode(stored, "jpeg");
    for (boolean bigEndian : new boolean[] {false, true}) {
      byte[] file = withOrientation(jpeg, orientation, bigEndian);
      assertArrayEquals(decode(jpeg).data(), Images.decode(file, "t", STORED).data());
      Image image = decode(file);
      assertEquals(width, image.width());
      int right = image.width() - 1;
      int bottom = image.height() - 1;
      int[] actual = {
        image.sample(0, 0, 0),
        image.sample(right, 0, 0),
        image.sample(0, bottom, 0),
        image.sample(right, bottom, 0)
      };
      // JPEG at ImageIO's default quality moves a flat quadrant by a few levels; quadrants differ
      // by 80.
      assertNear(10, new int[] {upperLeft, upperRight, lowerLeft, lowerRight}, actual);
    }
  }

  @Test
  void orientationOfWebpIsApplied() throws IOException {
    Image image = decode(resource("exif6.webp"));
    assertEquals(16, image.width());
    assertEquals(48, image.height());
    assertEquals(255, image.sample(8, 8, 0));
    assertEquals(255, image.sample(8, 40, 2));
  }

  @Test
  void sizesAreCheckedBeforeAllocation() throws IOException {
    byte[] png = Images.png(new Image(8, 4, 1, new byte[32]));
    png[16] = 0x7f; // the header now claims a width of two thousand million
    ImageException huge = assertThrows(ImageException.class, () -> decode(png));
    assertTrue(huge.getMessage().contains("2130706440x4"), huge.getMessage());
    DecodeOptions small = new DecodeOptions(31, DecodeOptions.Alpha.WHITE);
    byte[] good = Images.png(new Image(8, 4, 1, new byte[32]));
    ImageException limit =
        assertThrows(ImageException.class, () -> Images.decode(good, "x", small));
    assertTrue(limit.getMessage().contains("8x4"), limit.getMessage());
  }

  @Test
  void brokenFilesAreRefusedByName() throws IOException {
    Random random = new Random(3);
    byte[] noise = new byte[64 * 64 * 3];
    random.nextBytes(noise);
    Image image = new Image(64, 64, 3, noise);
    BufferedImage buffered = ImageIO.read(new java.io.ByteArrayInputStream(Images.png(image)));
    for (String format : new String[] {"jpeg", "png"}) {
      byte[] whole = encode(buffered, format);
      assertEquals(64, decode(whole).width());
      for (int share = 1; share < 10; share++) {
        byte[] cut = Arrays.copyOf(whole, whole.length * share / 10);
        Path file = Files.write(directory.resolve("cut." + format), cut);
        ImageException e = assertThrows(ImageException.class, () -> Images.read(file), format);
        assertTrue(e.getMessage().contains("cut." + format), e.getMessage());
      }
    }
    byte[] webp = resource("lossy.webp");
    assertThrows(ImageException.class, () -> decode(Arrays.copyOf(webp, webp.length / 2)));
    assertThrows(ImageException.class, () -> decode(new byte[0]));
    assertThrows(ImageException.class, () -> decode("GIF89a and more bytes".getBytes()));
  }

  /** Whatever a damaged file makes a decoder do, it comes out as ImageException or as a picture. */
  @Test
  void damageNeverEscapes() throws IOException {
    Random random = new Random(5);
    String[] names = {
      "cmyk.jpg",
      "exif6.webp",
      "lossless_alpha.webp",
      "lossy.webp",
      "profile.jpg",
      "profile.webp",
      "progressive.jpg",
      "rgb_trns.png",
      "ycck.jpg"
    };
    int refused = 0;
    DecodeOptions small = new DecodeOptions(1 << 20, DecodeOptions.Alpha.WHITE);
    for (int round = 0; round < 900; round++) {
      byte[] bytes = resource(names[round % names.length]);
      for (int change = 0; change < 4; change++) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      try {
        Images.decode(bytes, "mutant", small);
      } catch (ImageException e) {
        refused++;
      }
    }
    assertTrue(refused > 100, refused + " refused");
  }

  @Test
  void pngRoundTripsBothKinds() throws IOException {
    Random random = new Random(2);
    for (int channels : new int[] {1, 3}) {
      byte[] data = new byte[7 * 5 * channels];
      random.nextBytes(data);
      Path file = directory.resolve("p" + channels);
      Images.writePng(file, new Image(7, 5, channels, data));
      // Random colours in all three channels cannot be mistaken for gray.
      Image back = Images.read(file);
      assertEquals(channels, back.channels());
      assertArrayEquals(data, back.data());
    }
  }
}
