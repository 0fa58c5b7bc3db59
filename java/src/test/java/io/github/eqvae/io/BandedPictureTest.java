package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.eqvae.data.SampleRandom;
import io.github.eqvae.data.Transform;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Pictures that do not fit into memory: the same bits, band by band. */
class BandedPictureTest {
  /** Takes a few rows at a time whatever there is. */
  private static DecodeMemory bands(int rows) {
    return new DecodeMemory(1 << 30) {
      @Override
      boolean fits(int width, int height, int bytesPerPixel) {
        return false;
      }

      @Override
      int bandRows(int width, int bytesPerPixel, long file) {
        return rows;
      }
    };
  }

  private static byte[] resource(String name) throws IOException {
    try (InputStream input = BandedPictureTest.class.getResourceAsStream(name)) {
      return input.readAllBytes();
    }
  }

  /** All that Pillow made, and pictures of four colours, with profiles, and in passes. */
  static Stream<String> files() throws IOException {
    String made = new String(resource("pillow/expected.txt"), StandardCharsets.US_ASCII);
    return Stream.concat(
        made.lines().map(line -> "pillow/" + line.split(" ")[0]),
        Stream.of("cmyk.jpg", "ycck.jpg", "profile.jpg", "progressive.jpg", "rgb_trns.png"));
  }

  /** Every crop that makes a picture smaller, one that enlarges, and the rows as they are. */
  private static List<Function<PixelRows, Image>> cuts() {
    List<Function<PixelRows, Image>> cuts = new ArrayList<>();
    for (int size : new int[] {5, 8, 64}) {
      for (Transform transform :
          List.of(
              new Transform.CenterCrop(size),
              new Transform.RandomCrop(size, 0.5),
              new Transform.AdmCenterCrop(size),
              new Transform.TorchvisionCenterCrop(size))) {
        cuts.add(rows -> transform.cut(rows, new SampleRandom(1, 2, 3)));
      }
    }
    cuts.add(rows -> rows.part(0, 0, rows.width(), rows.height()).whole());
    return cuts;
  }

  private static void assertSameBits(byte[] file, String name, DecodeOptions options)
      throws ImageException {
    for (Function<PixelRows, Image> cut : cuts()) {
      Image whole = Images.decode(file, name, options, cut);
      for (int rows : new int[] {1, 7}) {
        Image banded = Images.decode(file, name, options, cut, bands(rows));
        assertEquals(whole.width() + "x" + whole.height(), banded.width() + "x" + banded.height());
        assertArrayEquals(whole.data(), banded.data(), name);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void bandsHaveTheBitsOfTheWhole(String name) throws IOException {
    for (DecodeOptions.Depth depth : DecodeOptions.Depth.values()) {
      assertSameBits(
          resource(name),
          name,
          new DecodeOptions(
              1 << 20, DecodeOptions.Alpha.WHITE, depth, DecodeOptions.Orientation.EXIF));
    }
  }

  /** A JPEG file that says how it is to be turned. */
  private static byte[] turned(int orientation) throws IOException {
    byte[] jpeg = resource("pillow/jpg_s2_b_q75_37x29.jpg");
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(jpeg, 0, 2);
    out.writeBytes(new byte[] {(byte) 0xff, (byte) 0xe1, 0, 34});
    out.writeBytes("Exif\0\0MM\0*\0\0\0\10\0\1".getBytes(StandardCharsets.ISO_8859_1));
    out.writeBytes(new byte[] {1, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte) orientation, 0, 0, 0, 0, 0, 0});
    out.write(jpeg, 2, jpeg.length - 2);
    return out.toByteArray();
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "3", "4", "5", "6", "7", "8"})
  void soDoTurnedOnes(int orientation) throws IOException {
    byte[] file = turned(orientation);
    Image stored = Images.decode(turned(1), "stored", DecodeOptions.DEFAULT);
    Image upright = Images.decode(file, "upright", DecodeOptions.DEFAULT);
    assertEquals(orientation == 1, Arrays.equals(stored.data(), upright.data()), "it is turned");
    assertSameBits(file, "turned " + orientation, DecodeOptions.DEFAULT);
  }

  /** Of the upper half only the file's beginning is decoded; that its end lacks is found, too. */
  @Test
  void filesCutShortAreRefusedWhateverIsCut() throws IOException {
    for (String name : List.of("pillow/jpg_s2_b_q75_37x29.jpg", "pillow/png_gama.png")) {
      byte[] file = resource(name);
      byte[] broken = Arrays.copyOf(file, file.length * 3 / 4);
      ImageException e =
          assertThrows(
              ImageException.class,
              () ->
                  Images.decode(
                      broken,
                      "broken",
                      DecodeOptions.DEFAULT,
                      rows -> rows.part(0, 0, 2, 2).whole(),
                      bands(2)));
      assertTrue(e.getMessage().startsWith("broken: "), e.getMessage());
    }
  }

  /** What needs the whole picture is told how much that is. */
  @Test
  void theWholeIsRefused() throws IOException {
    byte[] file = resource("progressive.jpg");
    ImageException e =
        assertThrows(
            ImageException.class,
            () -> Images.decode(file, "p", DecodeOptions.DEFAULT, PixelRows::whole, bands(5)));
    assertTrue(e.getMessage().contains("decoding it takes about"), e.getMessage());
  }
}
