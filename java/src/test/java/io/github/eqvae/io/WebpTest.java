package io.github.eqvae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Textured pictures of every method of libwebp's encoder, of many qualities and sizes, with and
 * without loss and alpha, and the hashes of what libwebp (in Pillow 12.3) decodes.
 */
class WebpTest {
  private static byte[] resource(String name) throws IOException {
    try (InputStream input = WebpTest.class.getResourceAsStream("webp/" + name)) {
      return input.readAllBytes();
    }
  }

  /** File, width, height, and the first eight bytes of SHA-256 of RGB, and of RGB over white. */
  static Stream<String> files() throws IOException {
    return new String(resource("expected.txt"), StandardCharsets.US_ASCII).lines();
  }

  private static String hash(byte[] data) throws NoSuchAlgorithmException {
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(data);
    return HexFormat.of().formatHex(hash, 0, 8);
  }

  private static Image decode(byte[] bytes, DecodeOptions.Alpha alpha) throws ImageException {
    return Images.decode(bytes, "w", new DecodeOptions(1 << 22, alpha));
  }

  @ParameterizedTest
  @MethodSource("files")
  void pixelsAreThoseOfLibwebp(String line) throws Exception {
    String[] expected = line.split(" ");
    byte[] file = resource(expected[0]);
    Image image = decode(file, DecodeOptions.Alpha.DROP);
    assertEquals(Integer.parseInt(expected[1]), image.width());
    assertEquals(Integer.parseInt(expected[2]), image.height());
    assertEquals(3, image.channels());
    assertEquals(expected[3], hash(image.data()));
    assertEquals(expected[4], hash(decode(file, DecodeOptions.Alpha.WHITE).data()));
  }

  /** However a file ends too early, it is refused: its sizes are made to fit what is left of it. */
  @ParameterizedTest
  @MethodSource("files")
  void cutFilesAreRefused(String line) throws IOException {
    byte[] file = resource(line.split(" ")[0]);
    for (int length = 0; length < file.length - 1; length += 1 + file.length / 60) {
      byte[] cut = Arrays.copyOf(file, length);
      assertThrows(ImageException.class, () -> decode(cut, DecodeOptions.Alpha.WHITE));
      if (line.startsWith("lossy") && length > 40) {
        ByteBuffer sizes = ByteBuffer.wrap(cut).order(ByteOrder.LITTLE_ENDIAN);
        sizes.putInt(4, length - 8).putInt(16, length - 20);
        // The last bytes of a partition may be padding.
        if (length < file.length - 8) {
          assertThrows(ImageException.class, () -> decode(cut, DecodeOptions.Alpha.DROP));
        }
      }
    }
  }

  /** Whatever damage does, it comes out as ImageException or as a picture, and soon. */
  @Test
  void damageNeverEscapes() throws IOException {
    Random random = new Random(8);
    String[] names = files().map(line -> line.split(" ")[0]).toArray(String[]::new);
    int refused = 0;
    for (int round = 0; round < 3000; round++) {
      byte[] bytes = resource(names[round % names.length]);
      int from = round % 2 == 0 ? 12 : Math.min(bytes.length - 1, 20 + 40);
      for (int change = 0; change < 1 + round % 5; change++) {
        bytes[from + random.nextInt(bytes.length - from)] = (byte) random.nextInt(256);
      }
      try {
        decode(bytes, DecodeOptions.Alpha.WHITE);
      } catch (ImageException e) {
        refused++;
      }
    }
    assertTrue(refused > 300 && refused < 3000, refused + " refused");
  }

  @Test
  void framesInFramesAreRefused() {
    ByteBuffer nested = ByteBuffer.allocate(30 + 24 * 100_000).order(ByteOrder.LITTLE_ENDIAN);
    nested.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(nested.capacity() - 8);
    nested.put("WEBPVP8X".getBytes(StandardCharsets.US_ASCII)).putInt(10);
    nested.put((byte) 2).put(new byte[9]);
    while (nested.hasRemaining()) {
      nested.put("ANMF".getBytes(StandardCharsets.US_ASCII));
      nested.putInt(nested.remaining() - 4).put(new byte[16]);
    }
    assertThrows(ImageException.class, () -> decode(nested.array(), DecodeOptions.Alpha.WHITE));
  }
}
