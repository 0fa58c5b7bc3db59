package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.github.eqvae.data.SampleRandom;
import io.github.eqvae.data.Transform;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Textured pictures of all formats, depths and kinds of colour, and the first eight bytes of
 * SHA-256 of what Pillow 12.3 makes of them: {@code Image.open(file).convert("RGB")}.
 */
class PillowPicturesTest {
  private static final DecodeOptions AS_PILLOW =
      new DecodeOptions(
          1 << 20,
          DecodeOptions.Alpha.DROP,
          DecodeOptions.Depth.PILLOW,
          DecodeOptions.Orientation.STORED);

  private static byte[] resource(String name) throws IOException {
    try (InputStream input = PillowPicturesTest.class.getResourceAsStream("pillow/" + name)) {
      return input.readAllBytes();
    }
  }

  /** File, width, height, hash. */
  static Stream<String> files() throws IOException {
    return new String(resource("expected.txt"), StandardCharsets.US_ASCII).lines();
  }

  private static String hash(Image image) throws NoSuchAlgorithmException {
    byte[] rgb = image.withChannels(3).data();
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(rgb), 0, 8);
  }

  @ParameterizedTest
  @MethodSource("files")
  void pixelsAreThoseOfPillow(String line) throws Exception {
    String[] expected = line.split(" ");
    Image image = Images.decode(resource(expected[0]), expected[0], AS_PILLOW);
    assertEquals(expected[1] + "x" + expected[2], image.width() + "x" + image.height());
    assertEquals(expected[3], hash(image));
  }

  /** The same pictures whatever becomes of transparency, but where there is some. */
  @ParameterizedTest
  @CsvSource({"png_RGBA.png, false", "png_Ptrns.png, false", "png_P.png, true", "bmp_P.bmp, true"})
  void transparencyIsWhatTheOptionChanges(String name, boolean isOpaque) throws Exception {
    byte[] file = resource(name);
    String dropped = hash(Images.decode(file, name, DecodeOptions.DEFAULT));
    DecodeOptions white = new DecodeOptions(1 << 20, DecodeOptions.Alpha.WHITE);
    assertEquals(isOpaque, dropped.equals(hash(Images.decode(file, name, white))));
  }

  /**
   * Hashes of what torchvision's Resize and CenterCrop, and of what ADM's {@code center_crop_arr}
   * make of the same picture with Pillow 12.3.
   */
  @ParameterizedTest
  @CsvSource({
    "100, 60, 32, 280d808cc7f2ad47, 5cf9c65c184a4284",
    "61, 100, 32, fbd97e4e168972f0, e019a300b48c9518",
    "33, 47, 16, 45074fb58ad4fcd2, ab5dccfd1cb5a999",
    "20, 31, 64, 069a650141e7c2e2, 828a415e3e453b78",
    "64, 64, 64, 79f9a7ceacffd823, 79f9a7ceacffd823",
    "500, 333, 128, c2b578c64996ef50, 39240479d8242393",
    "333, 500, 127, 10d63885baf4f9f8, 6b51ba096438b15f"
  })
  void cropsHaveTheBitsOfPillow(int width, int height, int size, String torchvision, String adm)
      throws NoSuchAlgorithmException {
    byte[] data = new byte[width * height * 3];
    for (int i = 0; i < width * height; i++) {
      int x = i % width;
      int y = i / width;
      data[3 * i] = (byte) (x * 7 + y * 3);
      data[3 * i + 1] = (byte) (x * y / 5);
      data[3 * i + 2] = (byte) (x * x / 9 + y * 11);
    }
    Image image = new Image(width, height, 3, data);
    SampleRandom unused = new SampleRandom(0, 0, 0);
    assertEquals(torchvision, hash(new Transform.TorchvisionCenterCrop(size).apply(image, unused)));
    assertEquals(adm, hash(new Transform.AdmCenterCrop(size).apply(image, unused)));
  }
}
